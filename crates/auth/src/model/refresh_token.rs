//! The refresh token: a session's id, a generation, and a MAC that only this service can make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::id::{Id, SessionId};
use denizen_kit::seal::{Key, same_secret};
use uuid::Uuid;

/// Marks what it is: no other token of ours begins so, and scanners for leaked secrets can find it.
const PREFIX: &str = "dzr_";

/// Bytes of a session id.
const ID: usize = 16;
/// Bytes of a generation, big-endian.
const GENERATION: usize = 8;
/// Bytes of an HMAC-SHA256.
const MAC: usize = 32;

/// Characters of the bytes in base64url without padding.
const TEXT: usize = ((ID + GENERATION + MAC) * 4).div_ceil(3);

/// A refresh token that has the right form. Whether it is genuine, [`RefreshToken::is_genuine`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session_id: SessionId,
    pub(crate) generation: i64,
    mac: [u8; MAC],
}

// === impl RefreshToken ===

impl RefreshToken {
    /// The token of a session's generation.
    pub(crate) fn new(key: &Key, session_id: SessionId, generation: i64, nonce: &[u8]) -> Self {
        let mac = key.mac(&[session_id.uuid().as_bytes(), &generation.to_be_bytes(), nonce]);
        Self { session_id, generation, mac }
    }

    /// Reads the one form that [`RefreshToken::to_text`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() == TEXT)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (id, rest) = bytes.split_at_checked(ID)?;
        let (generation, mac) = rest.split_at_checked(GENERATION)?;
        Some(Self {
            session_id: Id::from_uuid(Uuid::from_slice(id).ok()?),
            generation: i64::from_be_bytes(generation.try_into().ok()?),
            mac: mac.try_into().ok()?,
        })
    }

    /// The text that the client keeps.
    pub(crate) fn to_text(&self) -> String {
        let id = self.session_id.uuid();
        let bytes = [id.as_bytes().as_slice(), &self.generation.to_be_bytes(), &self.mac].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether this service made it for the session of this nonce. Takes the same time for every answer.
    pub(crate) fn is_genuine(&self, key: &Key, nonce: &[u8]) -> bool {
        let genuine = Self::new(key, self.session_id, self.generation, nonce);
        same_secret(&genuine.mac, &self.mac)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &[u8] = &[7; 16];

    fn key() -> Key {
        Key::from_bytes([1; 32])
    }

    fn token(generation: i64) -> RefreshToken {
        let id = "0192aa00-0000-7000-8000-000000000001".parse().unwrap();
        RefreshToken::new(&key(), id, generation, NONCE)
    }

    #[test]
    fn reads_what_it_writes() {
        for generation in [0, 1, 77, i64::MAX] {
            let read = RefreshToken::parse(&token(generation).to_text()).unwrap();
            assert_eq!(read, token(generation));
            assert!(read.is_genuine(&key(), NONCE));
        }
    }

    #[test]
    fn is_bound_to_key_nonce_session_and_generation() {
        let good = token(3);
        assert!(!good.is_genuine(&Key::from_bytes([2; 32]), NONCE), "other key");
        assert!(!good.is_genuine(&key(), &[8; 16]), "other nonce");
        assert!(
            !RefreshToken { generation: 4, ..good.clone() }.is_genuine(&key(), NONCE),
            "other generation"
        );
        assert!(!RefreshToken { session_id: Id::nil(), ..good }.is_genuine(&key(), NONCE), "other session");
    }

    #[test]
    fn has_one_spelling() {
        let text = token(1).to_text();
        let last = text.chars().last().unwrap();
        // The last character carries two unused bits: another one that decodes to the same bytes is refused.
        for other in
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|c| *c != last)
        {
            let changed = format!("{}{other}", &text[..text.len() - 1]);
            let genuine = RefreshToken::parse(&changed).is_some_and(|read| read.is_genuine(&key(), NONCE));
            assert!(!genuine, "{changed}");
        }
        for bad in ["", "dzr_", &text[4..], &format!("{text}="), &format!(" {text}"), &text.to_uppercase()] {
            let genuine = RefreshToken::parse(bad).is_some_and(|read| read.is_genuine(&key(), NONCE));
            assert!(!genuine, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}") {
            let read = RefreshToken::parse(&text);
            prop_assert!(!read.is_some_and(|read| read.is_genuine(&key(), NONCE)));
        }

        #[test]
        fn a_flipped_bit_is_never_genuine(byte in 0_usize..56, bit in 0_u8..8) {
            let text = token(9).to_text();
            let mut bytes = URL_SAFE_NO_PAD.decode(&text[4..]).unwrap();
            bytes[byte] ^= 1 << bit;
            let changed = format!("dzr_{}", URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(!RefreshToken::parse(&changed).unwrap().is_genuine(&key(), NONCE));
        }
    }
}
