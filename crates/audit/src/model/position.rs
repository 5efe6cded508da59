//! A place in a list, and the opaque cursor that it travels as.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::time::Timestamp;

use super::Filter;
use crate::error::{Error, Result};

/// First byte of a cursor of a list by seq.
const BY_SEQ: u8 = 1;
/// First byte of a cursor of a list by time.
const BY_TIME: u8 = 2;

/// A place in a list: what comes after it is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// In a list by seq.
    Seq(i64),
    /// In a list by time, then seq.
    Time(Timestamp, i64),
}

// === impl Position ===

impl Position {
    /// Where a list begins.
    pub(crate) fn start(filter: &Filter) -> Self {
        // Seqs begin at 1: no entry of the instant `before` itself comes after this place.
        filter.range.map_or(Self::Seq(i64::MAX), |range| Self::Time(range.before, 0))
    }

    /// The place of an entry in a list.
    pub(crate) fn of(filter: &Filter, at: Timestamp, seq: i64) -> Self {
        if filter.range.is_some() { Self::Time(at, seq) } else { Self::Seq(seq) }
    }

    /// The place as a cursor.
    pub(crate) fn to_cursor(self) -> String {
        let bytes = match self {
            Self::Seq(seq) => [&[BY_SEQ], seq.to_be_bytes().as_slice()].concat(),
            Self::Time(at, seq) => {
                let micros = at.as_microsecond().to_be_bytes();
                [&[BY_TIME], micros.as_slice(), seq.to_be_bytes().as_slice()].concat()
            }
        };
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a cursor in a list with this filter; the list's beginning for an empty one.
    pub(crate) fn from_cursor(filter: &Filter, cursor: &str) -> Result<Self> {
        if cursor.is_empty() {
            return Ok(Self::start(filter));
        }
        let foreign = || Error::Field {
            pointer: "/cursor",
            code: "invalid",
            detail: "send next_cursor as it came, with the filters that it came for".to_owned(),
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| foreign())?;
        let position = read(&bytes).ok_or_else(foreign)?;
        match (position, filter.range) {
            (Self::Seq(_), None) => Ok(position),
            // Within the range, so that a made-up time cannot leave the engines' calendars.
            (Self::Time(at, _), Some(range)) if at <= range.before && at > range.after => Ok(position),
            _ => Err(foreign()),
        }
    }
}

fn read(bytes: &[u8]) -> Option<Position> {
    let (kind, rest) = bytes.split_first()?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_be_bytes);
    match (*kind, rest.len()) {
        (BY_SEQ, 8) => Some(Position::Seq(number(rest)?)),
        (BY_TIME, 16) => {
            let at = Timestamp::from_microsecond(number(&rest[..8])?).ok()?;
            Some(Position::Time(at, number(&rest[8..])?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Range;
    use super::*;

    fn filters() -> (Filter, Filter) {
        let range = Range::between(Some(Timestamp::UNIX_EPOCH), None);
        (Filter::default(), Filter { key: None, range })
    }

    #[test]
    fn a_cursor_is_the_place_it_was_made_of() {
        let (by_seq, by_time) = filters();
        let at = Timestamp::from_microsecond(1_700_000_000_000_001).unwrap();
        for filter in [&by_seq, &by_time] {
            let place = Position::of(filter, at, 42);
            assert_eq!(Position::from_cursor(filter, &place.to_cursor()).unwrap(), place);
            assert_eq!(Position::from_cursor(filter, "").unwrap(), Position::start(filter));
        }
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        let (by_seq, by_time) = filters();
        let at = Timestamp::from_microsecond(1_700_000_000_000_001).unwrap();
        let (seq, time) = (Position::Seq(42).to_cursor(), Position::Time(at, 42).to_cursor());
        assert!(Position::from_cursor(&by_time, &seq).is_err(), "of another order");
        assert!(Position::from_cursor(&by_seq, &time).is_err(), "of another order");
        let outside = Position::Time(Timestamp::MIN, 1).to_cursor();
        for cursor in ["?", "AA", "AQ", &seq[1..], &format!("{seq}AA"), &outside] {
            assert!(Position::from_cursor(&by_seq, cursor).is_err(), "{cursor}");
            assert!(Position::from_cursor(&by_time, cursor).is_err(), "{cursor}");
        }
    }
}
