//! What happens to codes. Ids only: no code, no address.

use denizen_db::Event;
use denizen_kit::id::UserId;
use serde::Serialize;

use crate::model::{Channel, OtpId, Purpose};

/// Type and meaning of each event, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    (
        "otp.due",
        "A code was asked for and is to be sent. `otp_id`: under which notify gets it; `channel`: email or sms; \
         `purpose`: what it is for. Without a subject while nobody has looked up whose identifier it is.",
    ),
    ("otp.burnt", "A code took too many wrong tries and is dead. `otp_id`, `purpose`."),
];

/// A code is to be sent.
#[derive(Debug, Serialize)]
pub(crate) struct OtpDue {
    #[serde(skip)]
    pub(crate) user_id: Option<UserId>,
    pub(crate) otp_id: OtpId,
    pub(crate) channel: Channel,
    pub(crate) purpose: Purpose,
}

impl Event for OtpDue {
    const TYPE: &'static str = "otp.due";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

/// A code took too many wrong tries.
#[derive(Debug, Serialize)]
pub(crate) struct OtpBurnt {
    #[serde(skip)]
    pub(crate) user_id: UserId,
    pub(crate) otp_id: OtpId,
    pub(crate) purpose: Purpose,
}

impl Event for OtpBurnt {
    const TYPE: &'static str = "otp.burnt";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_events_is_kept() {
        let id: OtpId = "0192aa00-0000-7000-8000-000000000001".parse().unwrap();
        let due =
            OtpDue { user_id: None, otp_id: id, channel: Channel::Sms, purpose: Purpose::PasswordReset };
        let text = serde_json::to_string(&due).unwrap();
        assert_eq!(text, format!(r#"{{"otp_id":"{id}","channel":"sms","purpose":"password_reset"}}"#));
        for kind in [OtpDue::TYPE, OtpBurnt::TYPE] {
            assert!(EVENTS.iter().any(|(name, _)| *name == kind), "{kind}");
        }
    }
}
