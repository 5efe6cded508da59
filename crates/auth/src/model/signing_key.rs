//! Keys that sign access tokens, each for one algorithm and by a name of its own, shown as a JSON Web Key Set.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use super::access_token::{Claims, TYPE};
use super::key_pair::{Halves, KeyPair, Members, members, shared_kid};
use crate::config::Algorithm;
use crate::error::{Error, Result};

/// A key as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    /// Its name.
    pub(crate) kid: String,
    /// Its place in the order of keys, from 1.
    pub(crate) number: i64,
    /// Name of the algorithm (RFC 7518 §3.1).
    pub(crate) algorithm: String,
    /// The private half, sealed under the service's key.
    pub(crate) private_sealed: Vec<u8>,
    /// The public half; empty for a shared key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
    /// From when it signs; before that it is only shown.
    pub(crate) signs_from: Timestamp,
}

/// What verifies the tokens of a key.
#[derive(Clone)]
pub(crate) struct VerifyingKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// The public half; of HS256 the shared key.
    pub(crate) material: Vec<u8>,
}

/// A key that is ready to sign.
pub(crate) struct SigningKey {
    pair: KeyPair,
    /// The header of its tokens, encoded.
    header: String,
}

// === impl StoredKey ===

impl StoredKey {
    /// A new key that signs from a time on; of HS256 the shared one, if there is one.
    pub(crate) fn new(
        sealing: &Key,
        algorithm: Algorithm,
        shared: Option<&[u8]>,
        (now, signs_from): (Timestamp, Timestamp),
    ) -> Result<Self> {
        let halves = Halves::generate(algorithm, shared)?;
        let kid = halves.kid(sealing, algorithm)?;
        Ok(Self {
            private_sealed: sealing.seal(kid.as_bytes(), &halves.private),
            kid,
            number: 1,
            algorithm: algorithm.as_str().to_owned(),
            public_key: halves.public,
            created_at: now,
            signs_from,
        })
    }

    /// Whether it is of the algorithm that is wanted now, and of the shared key, if one was given.
    pub(crate) fn is_wanted(&self, sealing: &Key, algorithm: Algorithm, shared: Option<&[u8]>) -> bool {
        let is_same = |shared: &[u8]| self.kid == shared_kid(sealing, shared);
        let is_shared = algorithm != Algorithm::Hs256 || shared.is_none_or(is_same);
        self.algorithm == algorithm.as_str() && is_shared
    }

    /// Opens the key and makes it ready to sign.
    pub(crate) fn open(&self, sealing: &Key) -> Result<SigningKey> {
        let private =
            sealing.open(self.kid.as_bytes(), &self.private_sealed).map_err(|_| Error::SigningKey)?;
        let pair = KeyPair::open(self.algorithm()?, &private, &self.public_key)?;
        let header = json!({ "typ": TYPE, "alg": self.algorithm, "kid": self.kid }).to_string();
        Ok(SigningKey { pair, header: URL_SAFE_NO_PAD.encode(header) })
    }

    /// What verifies its tokens.
    pub(crate) fn verifying(&self, sealing: &Key) -> Result<VerifyingKey> {
        let algorithm = self.algorithm()?;
        let material = match algorithm {
            Algorithm::Hs256 => {
                sealing.open(self.kid.as_bytes(), &self.private_sealed).map_err(|_| Error::SigningKey)?
            }
            _ => self.public_key.clone(),
        };
        Ok(VerifyingKey { kid: self.kid.clone(), algorithm, material })
    }

    fn algorithm(&self) -> Result<Algorithm> {
        Algorithm::read(&self.algorithm).map_err(|_| Error::SigningKey)
    }
}

// === impl SigningKey ===

impl SigningKey {
    /// The access token of these claims: compact serialisation of a JWS (RFC 7515 §7.1).
    ///
    /// # Panics
    /// Never: claims are plain fields, which always serialise.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String> {
        let claims = serde_json::to_vec(claims).expect("claims are plain fields");
        self.sign_encoded(&self.header, &claims)
    }

    fn sign_encoded(&self, header: &str, claims: &[u8]) -> Result<String> {
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 352);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// A token of any header and claims, to see that wrong ones are refused although the signature is right.
    #[cfg(test)]
    pub(super) fn sign_parts(&self, header: &str, claims: &str) -> String {
        self.sign_encoded(&URL_SAFE_NO_PAD.encode(header), claims.as_bytes()).unwrap()
    }
}

// === impl VerifyingKey ===

impl VerifyingKey {
    /// The key for the library that verifies; none for material that is no key.
    pub(super) fn decoding(&self) -> Option<DecodingKey> {
        if self.algorithm == Algorithm::Hs256 {
            return Some(DecodingKey::from_secret(&self.material));
        }
        match members(self.algorithm, &self.material)? {
            Members::Okp(x) => DecodingKey::from_ed_components(&x),
            Members::Ec(x, y) => DecodingKey::from_ec_components(&x, &y),
            Members::Rsa(n, e) => DecodingKey::from_rsa_components(&n, &e),
        }
        .ok()
    }

    /// The JSON Web Key; none for a shared key.
    fn jwk(&self) -> Option<Value> {
        let mut jwk: Value =
            serde_json::from_str(&members(self.algorithm, &self.material)?.canonical()).ok()?;
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm.as_str());
        jwk["kid"] = json!(self.kid);
        Some(jwk)
    }
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({} {})", self.algorithm.as_str(), self.kid)
    }
}

/// The keys that anyone may see, as a JSON Web Key Set (RFC 7517).
pub(crate) fn key_set(keys: &[VerifyingKey]) -> String {
    let keys: Vec<_> = keys.iter().filter_map(VerifyingKey::jwk).collect();
    json!({ "keys": keys }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: (Timestamp, Timestamp) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);

    #[test]
    fn a_key_opens_only_under_the_key_that_sealed_it() {
        let sealing = Key::from_bytes([1; 32]);
        for algorithm in Algorithm::ALL {
            let stored = StoredKey::new(&sealing, algorithm, None, EPOCH).unwrap();
            assert!(stored.open(&sealing).is_ok());
            assert!(stored.open(&Key::from_bytes([2; 32])).is_err());
            let renamed = StoredKey { kid: "other".to_owned(), ..stored };
            assert!(renamed.open(&sealing).is_err(), "the sealed half is bound to its key's name");
        }
    }

    #[test]
    fn the_key_set_is_read_by_others_and_hides_what_is_shared() {
        use jsonwebtoken::jwk::{JwkSet, PublicKeyUse};
        let sealing = Key::from_bytes([1; 32]);
        let keys = Algorithm::ALL
            .map(|algorithm| StoredKey::new(&sealing, algorithm, None, EPOCH).unwrap().verifying(&sealing));
        let keys: Vec<_> = keys.into_iter().map(Result::unwrap).collect();
        let text = key_set(&keys);
        let set: JwkSet = serde_json::from_str(&text).unwrap();
        assert_eq!(set.keys.len(), 3);
        for key in &keys {
            let Some(jwk) = set.find(&key.kid) else {
                assert_eq!(key.algorithm, Algorithm::Hs256);
                assert!(!text.contains(&URL_SAFE_NO_PAD.encode(&key.material)));
                continue;
            };
            assert_eq!(jwk.common.key_algorithm.unwrap().to_string(), key.algorithm.as_str());
            assert_eq!(jwk.common.public_key_use, Some(PublicKeyUse::Signature));
            assert!(DecodingKey::from_jwk(jwk).is_ok());
        }
    }

    #[test]
    fn another_algorithm_or_another_shared_key_is_wanted_anew() {
        let sealing = Key::from_bytes([1; 32]);
        let stored = StoredKey::new(&sealing, Algorithm::Hs256, Some(&[7; 32]), EPOCH).unwrap();
        assert!(stored.is_wanted(&sealing, Algorithm::Hs256, Some(&[7; 32])));
        assert!(stored.is_wanted(&sealing, Algorithm::Hs256, None));
        assert!(!stored.is_wanted(&sealing, Algorithm::Hs256, Some(&[8; 32])));
        assert!(!stored.is_wanted(&sealing, Algorithm::EdDsa, None));
    }
}
