//! What happens to passwords. No password, no hash, no token.

use denizen_db::Event;
use denizen_kit::id::UserId;
use serde::Serialize;

use crate::model::{Channel, Via};

/// Type and meaning of each event, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    ("password.changed", "The owner changed the password; their other sessions ended."),
    ("password.reset", "A forgotten password was replaced by link or code; all sessions ended."),
    (
        "password.reset_due",
        "A reset was asked for and is to be sent. `via`: link or otp; `channel`: email or sms.",
    ),
    ("password.closed", "Too many failed tries in a day: the password is off for 24 hours or until a reset."),
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
}

impl Event for PasswordClosed {
    const TYPE: &'static str = "password.closed";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
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
        for kind in [PasswordChanged::TYPE, PasswordReset::TYPE, ResetDue::TYPE, PasswordClosed::TYPE] {
            assert!(EVENTS.iter().any(|(name, _)| *name == kind), "{kind}");
        }
    }
}
