//! What happens to second factors.

use denizen_db::Event;
use denizen_kit::id::UserId;
use serde::Serialize;
use uuid::Uuid;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub struct $name {
            /// Whose it is.
            #[serde(skip)]
            pub user_id: UserId,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Event for $name {
            const TYPE: &'static str = $kind;

            fn subject(&self) -> Option<UserId> {
                Some(self.user_id)
            }
        }
    )*};
}

events! {
    /// A code of the second factor is to be sent.
    FactorCodeDue = "second_factor.code_due" {
        /// Under which notify gets it.
        otp_id: Uuid,
        /// How it travels.
        channel: &'static str,
        /// `login` or `setup`.
        reason: &'static str,
        /// Unix seconds after which nobody needs it.
        until: i64
    }
    /// The password was right and the second factor was asked for.
    LoginChallenged = "auth.challenged" {
        /// How its code travels.
        channel: &'static str
    }
    /// A second factor is in force from now on.
    FactorEnabled = "second_factor.enabled" {
        /// How its codes travel.
        channel: &'static str
    }
    /// The second factor was removed.
    FactorRemoved = "second_factor.removed" {
        /// Whether somebody else than its owner did it.
        by_admin: bool
    }
    /// The recovery codes were replaced.
    RecoveryCodesRenewed = "second_factor.recovery_codes_renewed" {}
    /// A recovery code took the place of the second factor.
    RecoveryCodeUsed = "second_factor.recovery_code_used" {
        /// How many are left.
        left: i64
    }
    /// Somebody looked at the second factor of another person.
    FactorViewed = "second_factor.viewed" {}
}

#[cfg(test)]
mod tests {
    use denizen_kit::id::Id;

    use super::*;
    use crate::events::EVENTS;

    #[test]
    fn the_form_that_notify_reads_is_kept() {
        let due = FactorCodeDue {
            user_id: Id::nil(),
            otp_id: "0192aa00-0000-7000-8000-000000000001".parse().unwrap(),
            channel: "sms",
            reason: "login",
            until: 1_800_000_300,
        };
        let expected = r#"{"otp_id":"0192aa00-0000-7000-8000-000000000001","channel":"sms","reason":"login","until":1800000300}"#;
        assert_eq!(serde_json::to_string(&due).unwrap(), expected);
        for kind in [FactorCodeDue::TYPE, LoginChallenged::TYPE, FactorEnabled::TYPE, FactorRemoved::TYPE] {
            assert!(EVENTS.iter().any(|(name, _)| *name == kind), "{kind}");
        }
    }
}
