//! Reading the fields that every contract has: ids, times, pages.

use denizen_kit::id::Id;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;

/// Most items on a page.
pub const MAX_LIMIT: i32 = 200;
/// Items on a page when nothing is said.
pub const DEFAULT_LIMIT: i32 = 50;

/// An id, or 404: an id that cannot be is one that is not there.
pub fn id<K>(text: &str) -> Result<Id<K>, Problem> {
    text.parse().map_err(|_| Problem::not_found("there is nothing with this id"))
}

/// An id that may be left empty.
pub fn optional_id<K>(text: &str) -> Result<Option<Id<K>>, Problem> {
    if text.is_empty() { Ok(None) } else { id(text).map(Some) }
}

/// How many items a page has: 1 to 200, 50 when it is 0.
pub fn limit(limit: i32) -> Result<i64, Problem> {
    match limit {
        0 => Ok(i64::from(DEFAULT_LIMIT)),
        1..=MAX_LIMIT => Ok(i64::from(limit)),
        _ => Err(Problem::invalid("/limit", "out_of_range", "limit is a number from 1 to 200")),
    }
}

/// A time on the wire.
pub fn to_wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A time from the wire.
pub fn from_wire(at: &prost_types::Timestamp, pointer: &str) -> Result<Timestamp, Problem> {
    Timestamp::new(at.seconds, at.nanos).map_err(|_| {
        Problem::invalid(pointer, "out_of_range", "this is no time between the years 0000 and 9999")
    })
}
