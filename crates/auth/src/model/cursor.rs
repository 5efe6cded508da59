//! The cursor of a list of sessions: the last id of the page before, bound to the list it was given out for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::id::{Id, SessionId, UserId};
use denizen_kit::seal::{Key, same_secret};
use uuid::Uuid;

/// Bytes of a session id.
const ID: usize = 16;
/// Bytes of the MAC that are kept: enough that a changed cursor is told from a page that is not there.
const MAC: usize = 16;

/// A place in the list of a person's sessions, newest first: what comes has a smaller id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) SessionId);

// === impl Cursor ===

impl Cursor {
    /// The place before the newest session.
    pub(crate) fn start() -> Self {
        Self(Id::from_uuid(Uuid::max()))
    }

    /// The text for the client.
    pub(crate) fn to_text(self, key: &Key, user_id: UserId) -> String {
        let id = self.0.uuid();
        let bytes = [id.as_bytes().as_slice(), &mac(key, user_id, self.0)].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::to_text`] wrote for the same person; empty is the start.
    pub(crate) fn parse(key: &Key, user_id: UserId, text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::start());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == ID + MAC)?;
        let (id, given) = bytes.split_at_checked(ID)?;
        let id = Id::from_uuid(Uuid::from_slice(id).ok()?);
        same_secret(given, &mac(key, user_id, id)).then_some(Self(id))
    }
}

fn mac(key: &Key, user_id: UserId, session_id: SessionId) -> [u8; MAC] {
    let full = key.mac(&[user_id.uuid().as_bytes(), session_id.uuid().as_bytes()]);
    std::array::from_fn(|index| full[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_only_for_the_list_it_was_made_for() {
        let key = Key::from_bytes([3; 32]);
        let user = "0192aa00-0000-7000-8000-00000000000a".parse().unwrap();
        let cursor = Cursor("0192aa00-0000-7000-8000-000000000001".parse().unwrap());
        let text = cursor.to_text(&key, user);
        assert_eq!(Cursor::parse(&key, user, &text), Some(cursor));
        assert_eq!(Cursor::parse(&key, user, ""), Some(Cursor::start()));
        assert_eq!(Cursor::parse(&key, Id::nil(), &text), None, "other person");
        assert_eq!(Cursor::parse(&Key::from_bytes([4; 32]), user, &text), None, "other key");
        for bad in ["x", "' OR 1=1--", &text[1..], &format!("{text}="), "AAAA"] {
            assert_eq!(Cursor::parse(&key, user, bad), None, "{bad}");
        }
        for byte in 0..32 {
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
            bytes[byte] ^= 1;
            assert_eq!(Cursor::parse(&key, user, &URL_SAFE_NO_PAD.encode(bytes)), None, "byte {byte}");
        }
    }
}
