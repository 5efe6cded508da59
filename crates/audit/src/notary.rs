//! Signed statements: that the trail ends at a place or reached it, that it begins at one, that contents went by retention, that a
//! walk got so far.
//!
//! A statement is a JSON object; what is signed is the text [`CONTEXT`] and then its bytes as they are stored. The
//! signature is Ed25519 (RFC 8032) with a key that follows from the root, so that whoever can write to the
//! database cannot make one.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::seal::{Root, sha256};
use denizen_kit::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What stands before each statement when it is signed: no signature can be taken for one of another kind of text.
pub const CONTEXT: &[u8] = b"denizen audit statement v1\n";

/// A place in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Seq of the last entry before it; 0 at the beginning.
    pub seq: i64,
    /// Hash of that entry, in hexadecimal.
    pub hash: String,
    /// For each producer the place in its log of its last event up to there.
    pub positions: BTreeMap<String, i64>,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Statement {
    /// The trail ends here.
    Head {
        /// Where.
        #[serde(flatten)]
        place: Place,
    },
    /// The trail reached this place.
    Checkpoint {
        /// Where.
        #[serde(flatten)]
        place: Place,
        /// When.
        at: Timestamp,
        /// [`name`] of the checkpoint before; empty for the first.
        previous: String,
    },
    /// The trail begins after this place: retention took away what was before.
    Cut {
        /// Where.
        #[serde(flatten)]
        place: Place,
        /// When.
        at: Timestamp,
        /// [`name`] of the last checkpoint that went with it; empty when none ever did.
        previous: String,
    },
    /// Retention took the contents of these entries.
    Removal {
        /// Their class.
        class: String,
        /// Which: `3-5,9`.
        seqs: String,
        /// When.
        at: Timestamp,
    },
    /// A walk has found everything well up to this place.
    Walk {
        /// Where.
        #[serde(flatten)]
        place: Place,
        /// Seq of the first entry that it looked at.
        from: i64,
        /// How many checkpoints it has looked at.
        checkpoints: i64,
        /// How many entries without contents it has seen.
        removed: i64,
        /// [`name`] of the last checkpoint, where it is known.
        previous: Option<String>,
    },
}

/// A statement with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The JSON text, byte by byte as it was signed.
    pub statement: String,
    /// Ed25519, 64 bytes.
    pub signature: Vec<u8>,
}

/// Signs statements, and knows its own again.
pub struct Notary {
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Notary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notary(…)")
    }
}

/// The name of a statement: its SHA-256 in hexadecimal.
pub fn name(statement: &str) -> String {
    hex::encode(sha256(statement.as_bytes()))
}

// === impl Notary ===

impl Notary {
    /// The notary of an installation.
    ///
    /// # Panics
    /// Never: a derived key has the 32 bytes of a seed.
    pub fn new(root: &Root) -> Self {
        let seed = root.service("audit/statements");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("a seed has 32 bytes");
        Self { pair }
    }

    /// The public key of its signatures, 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs a statement.
    ///
    /// # Panics
    /// Never: statements are plain fields, which always serialise.
    pub fn sign(&self, statement: &Statement) -> Signed {
        let statement = serde_json::to_string(statement).expect("statements are plain fields");
        let signature = self.pair.sign(&signed_bytes(&statement)).as_ref().to_vec();
        Signed { statement, signature }
    }

    /// The statement, if this notary signed it.
    pub fn open(&self, signed: &Signed) -> Option<Statement> {
        if !self.knows(&signed.statement, &signed.signature) {
            return None;
        }
        serde_json::from_str(&signed.statement).ok()
    }

    /// Signs that the trail ends at a place. The statement itself need not be kept: it follows from the place.
    pub(crate) fn sign_head(&self, place: Place) -> Vec<u8> {
        self.sign(&Statement::Head { place }).signature
    }

    /// Whether this notary signed that the trail ends at a place.
    ///
    /// # Panics
    /// Never: statements are plain fields, which always serialise.
    pub(crate) fn knows_head(&self, place: Place, signature: &[u8]) -> bool {
        let statement =
            serde_json::to_string(&Statement::Head { place }).expect("statements are plain fields");
        self.knows(&statement, signature)
    }

    fn knows(&self, statement: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.public_key());
        key.verify(&signed_bytes(statement), signature).is_ok()
    }
}

fn signed_bytes(statement: &str) -> Vec<u8> {
    [CONTEXT, statement.as_bytes()].concat()
}

// === impl Statement ===

impl Statement {
    /// The hash of the place that it speaks of.
    pub(crate) fn hash(&self) -> Option<Vec<u8>> {
        match self {
            Self::Head { place }
            | Self::Checkpoint { place, .. }
            | Self::Cut { place, .. }
            | Self::Walk { place, .. } => hex::decode(&place.hash).ok(),
            Self::Removal { .. } => None,
        }
    }
}

// === impl Signed ===

impl Signed {
    /// The statement as one word, for a client to hand back.
    pub(crate) fn to_cursor(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&self.statement), URL_SAFE_NO_PAD.encode(&self.signature))
    }

    /// The statement of a word.
    pub(crate) fn from_cursor(cursor: &str) -> Option<Self> {
        let (statement, signature) = cursor.split_once('.')?;
        let statement = String::from_utf8(URL_SAFE_NO_PAD.decode(statement).ok()?).ok()?;
        Some(Self { statement, signature: URL_SAFE_NO_PAD.decode(signature).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::seal::Key;

    use super::*;

    fn notary(seed: u8) -> Notary {
        Notary::new(&Root::new(Key::from_bytes([seed; 32])))
    }

    fn checkpoint() -> Statement {
        let positions = BTreeMap::from([("auth".to_owned(), 41), ("users".to_owned(), 7)]);
        let place = Place { seq: 48, hash: "00".repeat(32), positions };
        Statement::Checkpoint { place, at: Timestamp::UNIX_EPOCH, previous: String::new() }
    }

    #[test]
    fn the_form_of_a_checkpoint_is_kept() {
        let signed = notary(7).sign(&checkpoint());
        let hash = "00".repeat(32);
        let expected = format!(
            r#"{{"kind":"checkpoint","seq":48,"hash":"{hash}","positions":{{"auth":41,"users":7}},"at":"1970-01-01T00:00:00Z","previous":""}}"#
        );
        assert_eq!(signed.statement, expected);
        assert_eq!(signed.signature.len(), 64);
    }

    #[test]
    fn only_its_own_signature_over_every_byte_opens() {
        let signed = notary(7).sign(&checkpoint());
        assert_eq!(notary(7).open(&signed), Some(checkpoint()));
        assert_eq!(notary(8).open(&signed), None);
        for byte in 0..signed.statement.len() {
            let mut bytes = signed.statement.clone().into_bytes();
            bytes[byte] ^= 1;
            let statement = String::from_utf8(bytes).unwrap();
            assert_eq!(notary(7).open(&Signed { statement, ..signed.clone() }), None, "byte {byte}");
        }
        for byte in 0..signed.signature.len() {
            let mut changed = signed.clone();
            changed.signature[byte] ^= 1;
            assert_eq!(notary(7).open(&changed), None, "byte {byte} of the signature");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let signed = notary(7).sign(&checkpoint());
        assert_eq!(Signed::from_cursor(&signed.to_cursor()), Some(signed));
        for bad in ["", ".", "x", "?.?", "AA"] {
            assert!(Signed::from_cursor(bad).is_none_or(|signed| notary(7).open(&signed).is_none()), "{bad}");
        }
    }
}
