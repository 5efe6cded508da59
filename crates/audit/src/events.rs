//! The events that this service emits: it listens, and tells who read what it wrote, and what the edge refused and
//! forgot.

use denizen_db::Event;
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde::Serialize;

/// The events of this service: type and meaning.
pub const EVENTS: &[(&str, &str)] = &[
    (
        AuditRead::TYPE,
        "Somebody read audit entries, other than those by or about themselves; `filters` says which.",
    ),
    (
        EdgeRefused::TYPE,
        "The gateway refused requests: `count` answers with this `code` in one minute, to one source or, without an \
         address, to all that were too many to tell apart.",
    ),
    (
        EdgePurged::TYPE,
        "Somebody took kept answers away from the gateways, named `by` url, prefix or tag. `count`: how many they were \
         at the one that was asked.",
    ),
];

/// Somebody read audit entries, other than their own.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AuditRead {
    /// Whose entries were read, if those of one person were.
    #[serde(skip)]
    pub(crate) person: Option<UserId>,
    /// What was asked for.
    pub(crate) filters: Filters,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Filters {
    /// Entries about this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<UserId>,
    /// Entries by this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<UserId>,
    /// Entries of this action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<String>,
    /// Entries that ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<&'static str>,
    /// Entries after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_after: Option<Timestamp>,
    /// Entries before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_before: Option<Timestamp>,
}

impl Event for AuditRead {
    const TYPE: &'static str = "audit.read";

    fn subject(&self) -> Option<UserId> {
        self.person
    }
}

/// The gateway refused requests of one source within a minute.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EdgeRefused {
    /// The code of the answers.
    pub(crate) code: &'static str,
    /// How many.
    pub(crate) count: i64,
    /// When the minute began.
    pub(crate) minute: Timestamp,
}

impl Event for EdgeRefused {
    const TYPE: &'static str = "edge.refused";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// Somebody took kept answers away. Which ones is not said: an address may hold something of a person.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct EdgePurged {
    /// How they were named.
    pub(crate) by: &'static str,
    /// How many they were.
    pub(crate) count: i64,
}

impl Event for EdgePurged {
    const TYPE: &'static str = "edge.purged";

    fn subject(&self) -> Option<UserId> {
        None
    }
}
