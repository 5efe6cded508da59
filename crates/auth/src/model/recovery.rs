//! Recovery codes: 80 random bits each, written so that they can be copied by hand. Only keyed digests are kept.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;

/// How many a person gets.
pub(crate) const RECOVERY_CODES: usize = 10;

/// Base 32 by Crockford, in small letters: nothing in it is taken for something else.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters of a code: 16 of 5 bits.
const LENGTH: usize = 16;

/// Characters of a group.
const GROUP: usize = 4;

/// A recovery code in its canonical form: the characters alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RecoveryCode([u8; LENGTH]);

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

// === impl RecoveryCode ===

impl RecoveryCode {
    /// New codes for a person.
    pub(crate) fn draw(cx: &Cx) -> Vec<Self> {
        let draw = |_| Self(cx.random::<LENGTH>().map(|byte| ALPHABET[usize::from(byte % 32)]));
        (0..RECOVERY_CODES).map(draw).collect()
    }

    /// Reads a code as somebody types it: in any case, with or without hyphens and spaces, and with the letters that
    /// are taken for digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut code = [0; LENGTH];
        let mut length = 0;
        for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
            let canonical = match byte.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            if !ALPHABET.contains(&canonical) {
                return None;
            }
            *code.get_mut(length)? = canonical;
            length += 1;
        }
        (length == LENGTH).then_some(Self(code))
    }

    /// The code as it is shown: four groups of four.
    pub(crate) fn to_text(&self) -> String {
        let groups = self.0.chunks(GROUP).map(|group| group.iter().map(|byte| char::from(*byte)));
        groups.map(Iterator::collect::<String>).collect::<Vec<_>>().join("-")
    }

    /// What is kept of it: a digest for this person that tells nothing without the key.
    pub(crate) fn digest(&self, key: &Key, user_id: UserId) -> Vec<u8> {
        key.mac(&[user_id.uuid().as_bytes(), &self.0]).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::caller::Role;
    use denizen_kit::id::Id;
    use denizen_kit::time::{Clock, Timestamp};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        let code = RecoveryCode::parse("0123-4567-89ab-cdef").unwrap();
        assert_eq!(code.to_text(), "0123-4567-89ab-cdef");
        for same in [
            "0123456789abcdef",
            "O123 4567 89AB CDEF",
            " o1234567-89ab-cdef ",
            "0i23456789ABCDEF",
            "0l23456789abcdef",
        ] {
            assert_eq!(RecoveryCode::parse(same), Some(code.clone()), "{same}");
        }
        for bad in [
            "",
            "123456",
            "0123-4567-89ab-cde",
            "0123-4567-89ab-cdef0",
            "u123-4567-89ab-cdef",
            "０123456789abcdef",
        ] {
            assert_eq!(RecoveryCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ten_codes_that_differ_and_belong_to_one_person() {
        let cx = Cx::job(Role::Auth, &Clock::manual(Timestamp::UNIX_EPOCH));
        let codes = RecoveryCode::draw(&cx);
        let mut texts: Vec<_> = codes.iter().map(RecoveryCode::to_text).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), RECOVERY_CODES);
        for (code, text) in codes.iter().zip(codes.iter().map(RecoveryCode::to_text)) {
            assert_eq!(RecoveryCode::parse(&text).as_ref(), Some(code));
        }
        let key = Key::from_bytes([1; 32]);
        let (ada, bob) = (Id::nil(), Id::from_uuid(Uuid::from_u128(1)));
        assert_ne!(codes[0].digest(&key, ada), codes[0].digest(&key, bob));
        assert_ne!(codes[0].digest(&key, ada), codes[1].digest(&key, ada));
    }
}
