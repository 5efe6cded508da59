//! Typed ids: a [`Uuid`] of version 7 (RFC 9562) that knows what it names. And numbers for ids of what is no data.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::time::Timestamp;

/// The id of a `K`. Ordered by time of making.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// Names a person's account.
pub enum User {}
/// Names a login session.
pub enum Session {}

/// Id of a person's account.
pub type UserId = Id<User>;
/// Id of a login session.
pub type SessionId = Id<Session>;

// === impl Id ===

impl<K> Id<K> {
    /// The id that stands for this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The UUID behind the id.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The id that sorts before all others: no person has it.
    pub const fn nil() -> Self {
        Self(Uuid::nil(), PhantomData)
    }
}

/// Numbers for ids of requests and spans. They differ, also from those of other processes, but keep no secret: a keyed
/// hash of a count is random enough.
#[derive(Debug, Default)]
pub struct Numbers {
    hasher: RandomState,
    count: AtomicU64,
}

// === impl Numbers ===

impl Numbers {
    /// The next one.
    pub fn draw(&self) -> u64 {
        self.hasher.hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }
}

/// Builds a `UUIDv7` from a time and 10 random bytes (RFC 9562 §5.7).
pub fn uuid_v7(at: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K> FromStr for Id<K> {
    type Err = uuid::Error;

    /// Reads the hyphenated form only: one id has one spelling, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hyphenated = uuid::fmt::Hyphenated::from_str(text)?;
        Ok(Self::from_uuid(hyphenated.into_uuid()))
    }
}

impl<K> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, K> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let id: UserId = "0192aa00-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(id.to_string(), "0192aa00-0000-7000-8000-000000000001");
        for other in
            ["{0192aa00-0000-7000-8000-000000000001}", "0192aa00000070008000000000000001", "../admin", ""]
        {
            assert!(other.parse::<UserId>().is_err(), "{other}");
        }
    }
}
