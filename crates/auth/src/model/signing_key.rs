//! Keys that sign access tokens: Ed25519 (RFC 8032), named by their thumbprint, shown as a JSON Web Key Set.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::seal::{Key, sha256};
use denizen_kit::time::Timestamp;
use serde_json::json;

use super::access_token::{Claims, TYPE};
use crate::config::Algorithm;
use crate::error::{Error, Result};

/// Number of the key that is made when there is none.
const FIRST: i64 = 1;

/// A key as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    /// Its thumbprint.
    pub(crate) kid: String,
    /// Its place in the order of keys, from 1.
    pub(crate) number: i64,
    /// Name of the algorithm (RFC 7518 §3.1).
    pub(crate) algorithm: String,
    /// The seed, sealed under the service's key.
    pub(crate) private_sealed: Vec<u8>,
    /// The public key, 32 bytes.
    pub(crate) public_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

/// The public half of a key.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    /// 32 bytes.
    pub(crate) bytes: Vec<u8>,
}

/// A key that is ready to sign.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    /// The header of its tokens, encoded.
    header: String,
}

// === impl StoredKey ===

impl StoredKey {
    /// A new key, the first of all.
    pub(crate) fn first(sealing: &Key, algorithm: Algorithm, now: Timestamp) -> Result<Self> {
        let seed = Key::generate();
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::SigningKey)?;
        let public_key = pair.public_key().as_ref().to_vec();
        let kid = thumbprint(&public_key);
        Ok(Self {
            private_sealed: sealing.seal(kid.as_bytes(), seed.expose()),
            kid,
            number: FIRST,
            algorithm: algorithm.as_str().to_owned(),
            public_key,
            created_at: now,
        })
    }

    /// Opens the key and makes it ready to sign.
    pub(crate) fn open(&self, sealing: &Key) -> Result<SigningKey> {
        let seed = sealing.open(self.kid.as_bytes(), &self.private_sealed).map_err(|_| Error::SigningKey)?;
        let seed = Key::from_slice(&seed).map_err(|_| Error::SigningKey)?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed.expose(), &self.public_key)
            .map_err(|_| Error::SigningKey)?;
        let header = json!({ "typ": TYPE, "alg": self.algorithm, "kid": self.kid }).to_string();
        Ok(SigningKey { pair, header: URL_SAFE_NO_PAD.encode(header) })
    }
}

// === impl SigningKey ===

impl SigningKey {
    /// The access token of these claims: compact serialisation of a JWS (RFC 7515 §7.1).
    ///
    /// # Panics
    /// Never: claims are plain fields, which always serialise.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are plain fields");
        self.sign_encoded(&self.header, &claims)
    }

    fn sign_encoded(&self, header: &str, claims: &[u8]) -> String {
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 96);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// A token of any header and claims, to see that wrong ones are refused although the signature is right.
    #[cfg(test)]
    pub(super) fn sign_parts(&self, header: &str, claims: &str) -> String {
        self.sign_encoded(&URL_SAFE_NO_PAD.encode(header), claims.as_bytes())
    }
}

/// The name of a public key: the SHA-256 of its required members in order (RFC 7638, RFC 8037 §2).
fn thumbprint(public_key: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public_key);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}

/// The keys as a JSON Web Key Set (RFC 7517, RFC 8037 §2).
pub(crate) fn key_set(keys: &[PublicKey]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "x": URL_SAFE_NO_PAD.encode(&key.bytes),
                "use": "sig",
                "alg": key.algorithm,
                "kid": key.kid,
            })
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // The example of RFC 8037, appendix A.3.
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(thumbprint(&x), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_opens_only_under_its_master_key() {
        let sealing = Key::from_bytes([1; 32]);
        let stored = StoredKey::first(&sealing, Algorithm::EdDsa, Timestamp::UNIX_EPOCH).unwrap();
        assert!(stored.open(&sealing).is_ok());
        assert!(stored.open(&Key::from_bytes([2; 32])).is_err());
        let renamed = StoredKey { kid: "other".to_owned(), ..stored };
        assert!(renamed.open(&sealing).is_err(), "the sealed seed is bound to its key's name");
    }

    #[test]
    fn the_key_set_is_read_by_others() {
        let stored =
            StoredKey::first(&Key::from_bytes([1; 32]), Algorithm::EdDsa, Timestamp::UNIX_EPOCH).unwrap();
        let key =
            PublicKey { kid: stored.kid.clone(), algorithm: stored.algorithm, bytes: stored.public_key };
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&key_set(&[key])).unwrap();
        let jwk = set.find(&stored.kid).unwrap();
        assert_eq!(jwk.common.key_algorithm, Some(jsonwebtoken::jwk::KeyAlgorithm::EdDSA));
        assert_eq!(jwk.common.public_key_use, Some(jsonwebtoken::jwk::PublicKeyUse::Signature));
        assert!(jsonwebtoken::DecodingKey::from_jwk(jwk).is_ok());
    }
}
