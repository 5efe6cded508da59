//! Page cursors: where the next page starts, marked so that nobody can make one up or use it with another filter.
//!
//! base64url of `MAC (16 bytes) | id (16 bytes) | sort key`; the MAC is over filter, sort, id and key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, same_secret};
use denizen_kit::time::{Timestamp, from_micros};
use uuid::Uuid;

const MAC: usize = 16;
const ID: usize = 16;

/// Sort key and id of the last item of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) key: String,
    pub(crate) id: UserId,
}

impl Place {
    /// The place as a time, for sorts by time.
    pub(crate) fn time(&self) -> Result<(Timestamp, UserId), Problem> {
        let micros = self.key.parse().map_err(|_| refused())?;
        Ok((from_micros(micros), self.id))
    }
}

fn refused() -> Problem {
    Problem::malformed("this cursor is not one of this list; start again without it")
}

fn mac(key: &Key, context: &str, id: &[u8], sort_key: &[u8]) -> [u8; 32] {
    key.mac(&[b"cursor", context.as_bytes(), id, sort_key])
}

/// The cursor of a place.
pub(crate) fn write(key: &Key, context: &str, place: &Place) -> String {
    let id = place.id.uuid();
    let mac = mac(key, context, id.as_bytes(), place.key.as_bytes());
    URL_SAFE_NO_PAD.encode([&mac[..MAC], id.as_bytes(), place.key.as_bytes()].concat())
}

/// The place of a cursor; none when it is empty, 400 when it is not ours.
pub(crate) fn read(key: &Key, context: &str, cursor: &str) -> Result<Option<Place>, Problem> {
    if cursor.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (given, rest) = bytes.split_at_checked(MAC).ok_or_else(refused)?;
    let (id, sort_key) = rest.split_at_checked(ID).ok_or_else(refused)?;
    if !same_secret(given, &mac(key, context, id, sort_key)[..MAC]) {
        return Err(refused());
    }
    let id = UserId::from_uuid(Uuid::from_slice(id).map_err(|_| refused())?);
    Ok(Some(Place { key: String::from_utf8(sort_key.to_vec()).map_err(|_| refused())?, id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_and_only_here() {
        let key = Key::from_bytes([3; 32]);
        let place = Place { key: "ada".into(), id: UserId::nil() };
        let cursor = write(&key, "q=a", &place);
        assert_eq!(read(&key, "q=a", &cursor).unwrap(), Some(place));
        assert!(read(&key, "q=b", &cursor).is_err());
        assert!(read(&key, "q=a", "' OR 1=1--").is_err());
        for index in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed == cursor || read(&key, "q=a", &changed).is_err(), "{index}");
        }
    }
}
