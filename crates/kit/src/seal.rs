//! Encryption at rest: keys derived from the root, sealed values, blind indexes.
//!
//! A sealed value is `1 | nonce (12 bytes) | ciphertext and tag`, AES-256-GCM (NIST SP 800-38D) with a random nonce;
//! what it belongs to is bound in as associated data, so a value copied to another row does not open. Derived keys
//! are HKDF-SHA256 (RFC 5869); blind indexes and tokens are HMAC-SHA256 (RFC 2104).

mod root;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, hkdf, hmac};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use root::{Master, Root};

/// Form of sealed values; the first byte of each.
const FORM: u8 = 1;

/// What can go wrong with a key or a sealed value.
#[derive(Debug, Error)]
pub enum Error {
    /// Too short, of another form, sealed under another key or for another place.
    #[error("sealed value does not open: other key, other place or damaged")]
    Broken,
    /// A key is 32 bytes.
    #[error("a key must be 32 bytes in base64")]
    BadKey,
}

/// Fills the bytes from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness, which no later step could mend.
pub fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives randomness");
}

/// A 256-bit key for sealing, for MACs, or for making other keys. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

// === impl Key ===

impl Key {
    /// The key of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key of a slice that must hold 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self(bytes.try_into().map_err(|_| Error::BadKey)?))
    }

    /// A new random key.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        random(&mut bytes);
        Self(bytes)
    }

    /// The key's bytes, for handing it to another service or wrapping it.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key for one purpose, by HKDF-SHA256 with the purpose as info.
    ///
    /// # Panics
    /// Never: the lengths asked for are ones that HKDF gives.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Key {
        let mut bytes = [0; 32];
        let info = [purpose.as_bytes()];
        let pseudo_random = hkdf::Salt::new(hkdf::HKDF_SHA256, b"denizen").extract(&self.0);
        let output =
            pseudo_random.expand(&info, hkdf::HKDF_SHA256).expect("one block is within HKDF's limit");
        output.fill(&mut bytes).expect("32 bytes are one block");
        Key(bytes)
    }

    /// Seals a value; it opens only with the same key and the same place.
    ///
    /// # Panics
    /// Never: AES-GCM takes any value that fits in memory.
    pub fn seal(&self, place: &[u8], value: &[u8]) -> Vec<u8> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).expect("the key has 32 bytes");
        let mut body = value.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(place), &mut body).expect("the value fits");
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
        sealed.push(FORM);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        sealed
    }

    /// Opens a sealed value.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let Some((&FORM, rest)) = sealed.split_first() else { return Err(Error::Broken) };
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(Error::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Broken)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).map_err(|_| Error::BadKey)?;
        let mut body = body.to_vec();
        let length = key.open_in_place(nonce, Aad::from(place), &mut body).map_err(|_| Error::Broken)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Seals a text.
    pub fn seal_text(&self, place: &[u8], text: &str) -> Vec<u8> {
        self.seal(place, text.as_bytes())
    }

    /// Opens a sealed text.
    pub fn open_text(&self, place: &[u8], sealed: &[u8]) -> Result<String, Error> {
        String::from_utf8(self.open(place, sealed)?).map_err(|_| Error::Broken)
    }

    /// HMAC-SHA256 over the parts, each with its length before it so that no two lists are the same text.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    /// The blind index of a value: equal for equal canonical forms, telling nothing without the key.
    pub fn blind_index(&self, field: &str, canonical: &str) -> Vec<u8> {
        self.mac(&[field.as_bytes(), canonical.as_bytes()]).to_vec()
    }
}

/// SHA-256 over the bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Whether two secrets are the same, in constant time for equal lengths.
pub fn same_secret(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place() {
        let key = Key::generate();
        let sealed = key.seal_text(b"user-1/email", "ada@example.test");
        assert_eq!(key.open_text(b"user-1/email", &sealed).unwrap(), "ada@example.test");
        assert!(key.open(b"user-2/email", &sealed).is_err());
        assert!(Key::generate().open(b"user-1/email", &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(key.open(b"user-1/email", &sealed[..cut]).is_err(), "cut to {cut}");
        }
    }

    #[test]
    fn sealing_twice_differs_and_hides() {
        let key = Key::generate();
        let (first, second) =
            (key.seal_text(b"", "ada@example.test"), key.seal_text(b"", "ada@example.test"));
        assert_ne!(first, second);
        assert!(!first.windows(3).any(|window| window == b"ada"));
    }

    #[test]
    fn derived_keys_differ_by_purpose() {
        let key = Key::from_bytes([7; 32]);
        assert_ne!(key.derive("a").expose(), key.derive("b").expose());
        assert_eq!(key.derive("a").expose(), key.derive("a").expose());
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
    }
}
