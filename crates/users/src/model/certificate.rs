//! The certificate of an erasure: what was destroyed, when, and what copies may still hold. A JSON object in canonical
//! form (RFC 8785), signed with Ed25519 (RFC 8032).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use denizen_kit::id::UserId;
use denizen_kit::seal::{Key, sha256};
use denizen_kit::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// A certificate and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The canonical JSON.
    pub(crate) text: String,
    /// Ed25519 over its bytes.
    pub(crate) signature: Vec<u8>,
}

/// What the certificate says.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose account it was.
    pub(crate) user_id: UserId,
    /// `owner`, `administrator`, `operator` or `retention`.
    pub(crate) ordered_by: String,
    /// When the account went.
    pub(crate) begun_at: Timestamp,
    /// When the data key had gone from the database.
    pub(crate) key_destroyed_at: Timestamp,
    /// When no process could hold the key any more.
    pub(crate) issued_at: Timestamp,
    /// What became of each service's rows: `deleted`, or `ordered` where it could not be reached.
    pub(crate) services: Vec<(&'static str, &'static str)>,
    /// `sqlite` or `postgres`.
    pub(crate) engine: &'static str,
    /// Whether deleted rows were overwritten in the files.
    pub(crate) cleaned: bool,
    /// Until when archives of keys that were made before may be kept.
    pub(crate) archives_until: Timestamp,
}

/// Signs certificates.
pub(crate) struct Signer(Ed25519KeyPair);

// === impl Signer ===

impl Signer {
    /// The signer with a seed.
    ///
    /// # Panics
    /// Never: each 32 bytes are a seed.
    pub(crate) fn new(seed: &Key) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("a seed has 32 bytes"))
    }

    /// The public key.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The public key's name: the start of its SHA-256, in hexadecimal.
    pub(crate) fn kid(&self) -> String {
        let digest = sha256(self.public_key());
        let start = digest.first_chunk::<8>().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(start))
    }

    /// The certificate of these facts.
    pub(crate) fn certify(&self, facts: &Facts) -> Certificate {
        let text = canonical(&facts.to_json(&self.kid()));
        let signature = self.0.sign(text.as_bytes()).as_ref().to_vec();
        Certificate { text, signature }
    }
}

// === impl Facts ===

impl Facts {
    fn to_json(&self, kid: &str) -> Value {
        let services: serde_json::Map<String, Value> =
            self.services.iter().map(|(name, state)| ((*name).to_owned(), json!(state))).collect();
        json!({
            "type": "denizen-erasure",
            "version": 1,
            "id": self.id.to_string(),
            "kid": kid,
            "subject": self.user_id.to_string(),
            "ordered_by": self.ordered_by,
            "erased_at": self.begun_at.to_string(),
            "key_destroyed_at": self.key_destroyed_at.to_string(),
            "issued_at": self.issued_at.to_string(),
            "destroyed": [
                "the data key of the person: whatever is sealed with it can be read in no copy of the data",
                "name, user name and the blind indexes of the addresses, with the row of the account",
                "roles, consents, archives for download and stored objects",
            ],
            "services": services,
            "storage": self.storage(),
            "key_archives": {
                "until": self.archives_until.to_string(),
                "statement": "archives of data keys made before key_destroyed_at may hold the key, wrapped by the \
                              master key, until this time; a restore from them applies this erasure again",
            },
        })
    }

    fn storage(&self) -> Value {
        let statement = match (self.engine, self.cleaned) {
            ("sqlite", true) => {
                "deleted rows were overwritten in the files, and the write-ahead logs emptied"
            }
            ("sqlite", false) => {
                "deleted rows are overwritten in the files; the write-ahead logs could not be emptied at once and \
                 are emptied by a job"
            }
            _ => {
                "PostgreSQL keeps deleted rows, the wrapped data key among them, in its files until VACUUM has run \
                 and in its write-ahead log until that is recycled"
            }
        };
        json!({ "engine": self.engine, "statement": statement })
    }
}

/// The one text of a value: keys in order, no spaces (RFC 8785; our keys are ASCII, our numbers whole).
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            let field = |name: &&String| format!("{}:{}", json!(name), canonical(&fields[name.as_str()]));
            format!("{{{}}}", names.iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    fn facts() -> Facts {
        let at = |second| Timestamp::from_second(second).unwrap();
        Facts {
            id: Uuid::nil(),
            user_id: UserId::nil(),
            ordered_by: "owner".to_owned(),
            begun_at: at(1),
            key_destroyed_at: at(2),
            issued_at: at(4),
            services: vec![("otp", "deleted"), ("auth", "ordered")],
            engine: "sqlite",
            cleaned: true,
            archives_until: at(1000),
        }
    }

    #[test]
    fn the_signature_is_over_the_text_and_dies_with_any_change() {
        let signer = Signer::new(&Key::from_bytes([7; 32]));
        let certificate = signer.certify(&facts());
        let key = UnparsedPublicKey::new(&ED25519, signer.public_key());
        key.verify(certificate.text.as_bytes(), &certificate.signature).unwrap();
        for place in 0..certificate.text.len() {
            let mut changed = certificate.text.clone().into_bytes();
            changed[place] ^= 1;
            assert!(key.verify(&changed, &certificate.signature).is_err(), "{place}");
        }
        assert_eq!(Signer::new(&Key::from_bytes([7; 32])).certify(&facts()), certificate);
        assert_ne!(Signer::new(&Key::from_bytes([8; 32])).kid(), signer.kid());
    }

    #[test]
    fn whoever_reads_and_writes_it_canonically_gets_the_same_text() {
        let text = Signer::new(&Key::from_bytes([7; 32])).certify(&facts()).text;
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical(&read), text);
        assert_eq!(
            canonical(&json!({ "b": [1, { "z": "\u{e4}\"", "a": null }], "a": true })),
            "{\"a\":true,\"b\":[1,{\"a\":null,\"z\":\"\u{e4}\\\"\"}]}"
        );
    }
}
