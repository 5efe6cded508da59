//! What a list can be asked for: one filter, a range of time, or both. Each has its index.

use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, from_micros};

use super::Outcome;
use crate::error::{Error, Result};

/// Longest action or actor that can be asked for, in bytes.
const LONGEST: usize = 128;

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Entries of this action.
    Action(String),
    /// Entries by this actor; empty for anonymous callers.
    Actor(String),
    /// Entries about this person.
    Subject(UserId),
    /// Entries that ended so.
    Result(Outcome),
}

/// A range of time; both ends are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Entries later than this.
    pub(crate) after: Timestamp,
    /// Entries earlier than this.
    pub(crate) before: Timestamp,
}

/// What a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// At most one filter.
    pub(crate) key: Option<Key>,
    /// The range of time, if one was given.
    pub(crate) range: Option<Range>,
}

// === impl Key ===

impl Key {
    /// Its name in the request.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Action(_) => "action",
            Self::Actor(_) => "actor",
            Self::Subject(_) => "subject",
            Self::Result(_) => "result",
        }
    }

    /// The filter by action.
    pub(crate) fn action(text: &str) -> Result<Self> {
        let known_form = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(known_form) {
            return Err(invalid("/action", "action is a name such as user.created"));
        }
        Ok(Self::Action(text.to_owned()))
    }

    /// The filter by actor.
    pub(crate) fn actor(text: &str) -> Result<Self> {
        let known_form = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let service = text.strip_prefix("service:");
        if service.is_some_and(|name| name.len() <= LONGEST && name.bytes().all(known_form))
            || text.is_empty()
        {
            return Ok(Self::Actor(text.to_owned()));
        }
        let person: Result<UserId, _> = text.parse();
        let person = person.map_err(|_| invalid("/actor", "actor is a user id, service:<name>, or empty"))?;
        Ok(Self::Actor(person.to_string()))
    }

    /// The filter by subject.
    pub(crate) fn subject(text: &str) -> Result<Self> {
        let person = text.parse().map_err(|_| invalid("/subject", "subject is a user id"))?;
        Ok(Self::Subject(person))
    }

    /// The filter by result.
    pub(crate) fn result(text: &str) -> Result<Self> {
        Outcome::parse(text).map(Self::Result)
    }

    /// The person whose entries it picks.
    pub(crate) fn person(&self) -> Option<UserId> {
        match self {
            Self::Subject(person) => Some(*person),
            Self::Actor(actor) => actor.parse().ok(),
            Self::Action(_) | Self::Result(_) => None,
        }
    }
}

fn invalid(pointer: &'static str, detail: &str) -> Error {
    Error::Field { pointer, code: "invalid", detail: detail.to_owned() }
}

// === impl Range ===

impl Range {
    /// The range between two times, either of which may be open; none when both are.
    pub(crate) fn between(after: Option<Timestamp>, before: Option<Timestamp>) -> Option<Self> {
        if after.is_none() && before.is_none() {
            return None;
        }
        // No entry is older than 1970, and PostgreSQL's calendar is shorter than ours.
        let oldest = from_micros(-1);
        Some(Self {
            after: after.unwrap_or(oldest).max(oldest),
            before: before.unwrap_or(Timestamp::MAX).max(Timestamp::UNIX_EPOCH),
        })
    }
}

// === impl Filter ===

impl Filter {
    /// The filter of these parts, if there is an index for them together.
    pub(crate) fn new(keys: impl IntoIterator<Item = Key>, range: Option<Range>) -> Result<Self> {
        let mut keys = keys.into_iter();
        let first = keys.next();
        if let (Some(first), Some(second)) = (&first, keys.next()) {
            return Err(Error::NotCombinable { first: first.name(), second: second.name() });
        }
        Ok(Self { key: first, range })
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::problem::{Code, Problem};

    use super::*;

    const PERSON: &str = "0192aa00-0000-7000-8000-00000000000a";

    fn keys() -> [Key; 4] {
        [
            Key::action("user.created").unwrap(),
            Key::actor("service:auth").unwrap(),
            Key::subject(PERSON).unwrap(),
            Key::result("failed").unwrap(),
        ]
    }

    #[test]
    fn one_filter_with_or_without_a_range() {
        let range = Range::between(Some(Timestamp::UNIX_EPOCH), None);
        for range in [None, range] {
            assert_eq!(Filter::new([], range).unwrap(), Filter { key: None, range });
            for key in keys() {
                assert_eq!(Filter::new([key.clone()], range).unwrap(), Filter { key: Some(key), range });
            }
        }
    }

    #[test]
    fn no_two_filters_together() {
        for (index, first) in keys().into_iter().enumerate() {
            for second in keys().into_iter().skip(index + 1) {
                let pointer = format!("/{}", second.name());
                let problem = Problem::from(Filter::new([first.clone(), second], None).unwrap_err());
                assert_eq!(problem.code, Code::ValidationFailed);
                assert_eq!(
                    (problem.fields[0].pointer.as_str(), problem.fields[0].code.as_str()),
                    (pointer.as_str(), "not_combinable")
                );
                for name in ["action", "actor", "subject", "result", "created_after", "created_before"] {
                    assert!(problem.fields[0].detail.contains(name), "{name}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for action in ["", "User.Created", "a b", "x'--", &"a".repeat(129)] {
            assert!(Key::action(action).is_err(), "{action}");
        }
        for actor in ["ada@example.test", "service:A", "service: x", "0192aa00"] {
            assert!(Key::actor(actor).is_err(), "{actor}");
        }
        for subject in ["", "me", "0192aa00000070008000000000000001"] {
            assert!(Key::subject(subject).is_err(), "{subject}");
        }
        for result in ["", "OK", "error"] {
            assert!(Key::result(result).is_err(), "{result}");
        }
    }

    #[test]
    fn an_actor_has_one_spelling() {
        assert_eq!(Key::actor(&PERSON.to_uppercase()).unwrap(), Key::Actor(PERSON.to_owned()));
        assert_eq!(Key::actor("").unwrap(), Key::Actor(String::new()));
    }

    #[test]
    fn an_open_end_leaves_nothing_out() {
        assert_eq!(Range::between(None, None), None);
        let range = Range::between(None, Some(Timestamp::MAX)).unwrap();
        assert!(range.after < Timestamp::UNIX_EPOCH);
        let range = Range::between(Some(Timestamp::MIN), Some(Timestamp::MIN)).unwrap();
        assert_eq!((range.after, range.before), (from_micros(-1), Timestamp::UNIX_EPOCH));
    }
}
