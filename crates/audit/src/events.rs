//! The events that this service emits: it listens, and tells one thing itself.

use denizen_db::Event;
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde::Serialize;

/// The events of this service: type and meaning.
pub const EVENTS: &[(&str, &str)] =
    &[("audit.read", "Somebody read the audit entries about, or by, another person; `filters` says which.")];

/// Somebody read the audit entries about, or by, another person.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AuditRead {
    /// Whose entries were read.
    #[serde(skip)]
    pub(crate) person: UserId,
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
        Some(self.person)
    }
}
