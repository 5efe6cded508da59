//! What happens to passwords. No password, no hash, no token.

use denizen_db::Event;
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::model::{Channel, Via};

/// Type and meaning of each event, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    ("password.changed", "The owner changed the password; their other sessions ended."),
    ("password.reset", "A forgotten password was replaced by link or code; all sessions ended."),
    (
        "password.reset_due",
        "A reset was asked for and is to be sent. `via`: link or otp; `channel`: email or sms.",
    ),
    (
        "password.closed",
        "Too many failed tries in a day: the password is off until `until` or a reset. `failures`: how many tries.",
    ),
    ("password.dropped", "The password was taken away: only a reset brings a new one."),
    (
        "ip.blocked",
        "An address or a network is kept out. `block_id`; `automatic`: by the guard, after too many failures; `until`.",
    ),
    ("ip.unblocked", "An address or a network is let in again. `block_id`."),
    ("password.hashes_exported", "Hashes of passwords were given to an export. `count`: of how many people."),
];

/// The owner changed the password.
#[derive(Debug, Serialize)]
pub(crate) struct PasswordChanged {
    #[serde(skip)]
    pub(crate) user_id: UserId,
}

impl Event for PasswordChanged {
    const TYPE: &'static str = "password.changed";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

/// A forgotten password was replaced.
#[derive(Debug, Serialize)]
pub(crate) struct PasswordReset {
    #[serde(skip)]
    pub(crate) user_id: UserId,
}

impl Event for PasswordReset {
    const TYPE: &'static str = "password.reset";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

/// A reset is to be sent.
#[derive(Debug, Serialize)]
pub(crate) struct ResetDue {
    #[serde(skip)]
    pub(crate) user_id: UserId,
    pub(crate) via: Via,
    pub(crate) channel: Channel,
}

impl Event for ResetDue {
    const TYPE: &'static str = "password.reset_due";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

/// The password is off for a day.
#[derive(Debug, Serialize)]
pub(crate) struct PasswordClosed {
    #[serde(skip)]
    pub(crate) user_id: UserId,
    pub(crate) failures: i64,
    pub(crate) until: Timestamp,
}

impl Event for PasswordClosed {
    const TYPE: &'static str = "password.closed";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

/// The password was taken away.
#[derive(Debug, Serialize)]
pub(crate) struct PasswordDropped {
    #[serde(skip)]
    pub(crate) user_id: UserId,
}

impl Event for PasswordDropped {
    const TYPE: &'static str = "password.dropped";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

/// A network is kept out. Which, the list says: an address may be somebody's.
#[derive(Debug, Serialize)]
pub(crate) struct IpBlocked {
    pub(crate) block_id: Uuid,
    pub(crate) automatic: bool,
    pub(crate) until: Option<Timestamp>,
}

impl Event for IpBlocked {
    const TYPE: &'static str = "ip.blocked";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// A network is let in again.
#[derive(Debug, Serialize)]
pub(crate) struct IpUnblocked {
    pub(crate) block_id: Uuid,
}

impl Event for IpUnblocked {
    const TYPE: &'static str = "ip.unblocked";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// Hashes were given to an export.
#[derive(Debug, Serialize)]
pub(crate) struct HashesExported {
    pub(crate) count: usize,
}

impl Event for HashesExported {
    const TYPE: &'static str = "password.hashes_exported";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_events_is_kept() {
        let user_id = UserId::nil();
        let due = ResetDue { user_id, via: Via::Otp, channel: Channel::Sms };
        assert_eq!(serde_json::to_string(&due).unwrap(), r#"{"via":"otp","channel":"sms"}"#);
        assert_eq!(serde_json::to_string(&PasswordChanged { user_id }).unwrap(), "{}");
        let closed = PasswordClosed { user_id, failures: 50, until: Timestamp::UNIX_EPOCH };
        assert_eq!(
            serde_json::to_string(&closed).unwrap(),
            r#"{"failures":50,"until":"1970-01-01T00:00:00Z"}"#
        );
        assert_eq!(serde_json::to_string(&HashesExported { count: 2 }).unwrap(), r#"{"count":2}"#);
        let kinds = [
            PasswordChanged::TYPE,
            PasswordReset::TYPE,
            ResetDue::TYPE,
            PasswordClosed::TYPE,
            PasswordDropped::TYPE,
            HashesExported::TYPE,
            IpBlocked::TYPE,
            IpUnblocked::TYPE,
        ];
        for kind in kinds {
            assert!(EVENTS.iter().any(|(name, _)| *name == kind), "{kind}");
        }
    }
}
