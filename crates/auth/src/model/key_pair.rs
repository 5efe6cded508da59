//! Pairs of keys by algorithm: how they are made, kept, named, shown and used to sign (RFC 7518, RFC 8037).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKey as RsaPublicKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::seal::{Key, sha256};
use zeroize::Zeroizing;

use crate::config::Algorithm;
use crate::error::{Error, Result};

/// A pair that is ready to sign; for HS256 the one key that both sides share.
pub(super) enum KeyPair {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(Box<RsaKeyPair>),
    Hs256(Box<hmac::Key>),
}

/// A pair in the forms in which it is kept.
pub(super) struct Halves {
    /// The seed of Ed25519, PKCS #8 of ES256 and RS256, the key of HS256.
    pub(super) private: Zeroizing<Vec<u8>>,
    /// The 32 bytes of Ed25519, the uncompressed point of ES256 (SEC 1 §2.3.3), `RSAPublicKey` of RS256 (RFC 8017),
    /// nothing of HS256.
    pub(super) public: Vec<u8>,
}

/// The members of a public key that a JSON Web Key must have (RFC 7518 §6, RFC 8037 §2), in base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Members {
    /// `x` on Ed25519.
    Okp(String),
    /// `x` and `y` on P-256.
    Ec(String, String),
    /// `n` and `e`.
    Rsa(String, String),
}

// === impl Halves ===

impl Halves {
    /// A new pair. One of HS256 is the shared key, if there is one.
    pub(super) fn generate(algorithm: Algorithm, shared: Option<&[u8]>) -> Result<Self> {
        let failed = |_| Error::SigningKey;
        let (private, public) = match algorithm {
            Algorithm::EdDsa => {
                let seed = Key::generate();
                let pair =
                    Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::SigningKey)?;
                (seed.expose().to_vec(), pair.public_key().as_ref().to_vec())
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                let private = pair.to_pkcs8v1().map_err(failed)?;
                (private.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?;
                (private.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
            }
            Algorithm::Hs256 => {
                let key = shared.map_or_else(|| Key::generate().expose().to_vec(), <[u8]>::to_vec);
                (key, Vec::new())
            }
        };
        Ok(Self { private: Zeroizing::new(private), public })
    }

    /// The name of the pair: the thumbprint of the public key (RFC 7638). A shared key has none, and must not be
    /// guessed by its name; so a keyed digest names it.
    pub(super) fn kid(&self, sealing: &Key, algorithm: Algorithm) -> Result<String> {
        if algorithm == Algorithm::Hs256 {
            return Ok(shared_kid(sealing, &self.private));
        }
        let members = members(algorithm, &self.public).ok_or(Error::SigningKey)?;
        Ok(URL_SAFE_NO_PAD.encode(sha256(members.canonical().as_bytes())))
    }
}

/// The name of a shared key.
pub(super) fn shared_kid(sealing: &Key, shared: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(sealing.mac(&[b"kid", shared]))
}

// === impl KeyPair ===

impl KeyPair {
    /// Makes a pair ready that was kept.
    pub(super) fn open(algorithm: Algorithm, private: &[u8], public: &[u8]) -> Result<Self> {
        let failed = |_| Error::SigningKey;
        Ok(match algorithm {
            Algorithm::EdDsa => {
                Self::EdDsa(Ed25519KeyPair::from_seed_and_public_key(private, public).map_err(failed)?)
            }
            Algorithm::Es256 => {
                let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
                Self::Es256(EcdsaKeyPair::from_pkcs8(kind, private).map_err(failed)?)
            }
            Algorithm::Rs256 => Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(private).map_err(failed)?)),
            Algorithm::Hs256 => Self::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, private))),
        })
    }

    /// The signature over a message (RFC 7518 §3, RFC 8037 §3.1).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |_| Error::SigningKey;
        Ok(match self {
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                signature
            }
            Self::Hs256(key) => hmac::sign(key, message).as_ref().to_vec(),
        })
    }
}

/// The members of a public key; none for HS256, whose key is never shown, and for bytes that are no key.
pub(super) fn members(algorithm: Algorithm, public: &[u8]) -> Option<Members> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match algorithm {
        Algorithm::EdDsa => Some(Members::Okp(text(public))),
        Algorithm::Es256 => {
            let (x, y) = public.strip_prefix(&[4])?.split_at_checked(32)?;
            Some(Members::Ec(text(x), text(y)))
        }
        Algorithm::Rs256 => {
            let key = RsaPublicKey::from_der(public).ok()?;
            let (n, e) = (key.modulus(), key.exponent());
            let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
            Some(Members::Rsa(text(n), text(e)))
        }
        Algorithm::Hs256 => None,
    }
}

// === impl Members ===

impl Members {
    /// The required members alone, in the order of their names, as a thumbprint is made of (RFC 7638 §3.2).
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Okp(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Self::Ec(x, y) => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa(n, e) => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbprint(members: &Members) -> String {
        URL_SAFE_NO_PAD.encode(sha256(members.canonical().as_bytes()))
    }

    #[test]
    fn the_thumbprints_are_those_of_the_standards() {
        // RFC 8037, appendix A.3.
        let okp = Members::Okp("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned());
        assert_eq!(thumbprint(&okp), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = Members::Rsa(n.to_owned(), "AQAB".to_owned());
        assert_eq!(thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn every_pair_signs_after_it_was_kept() {
        for algorithm in Algorithm::ALL {
            let halves = Halves::generate(algorithm, None).unwrap();
            let pair = KeyPair::open(algorithm, &halves.private, &halves.public).unwrap();
            assert!(!pair.sign(b"message").unwrap().is_empty(), "{algorithm:?}");
            assert_eq!(members(algorithm, &halves.public).is_some(), algorithm != Algorithm::Hs256);
            assert!(halves.private.len() >= 32, "256 bits at least");
        }
        assert!(KeyPair::open(Algorithm::Es256, &[0; 32], &[]).is_err());
        assert!(members(Algorithm::Es256, &[4; 10]).is_none() && members(Algorithm::Rs256, b"x").is_none());
    }

    #[test]
    fn the_name_of_a_shared_key_does_not_let_it_be_guessed() {
        let (one, other) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        assert_eq!(shared_kid(&one, b"secret"), shared_kid(&one, b"secret"));
        assert_ne!(shared_kid(&one, b"secret"), shared_kid(&other, b"secret"), "not without the key");
    }
}
