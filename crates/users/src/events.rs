//! What happens to accounts. Ids and sealed fields only.

use denizen_db::Event;
use denizen_kit::id::UserId;
use serde::Serialize;

/// Type and meaning of each event, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    ("user.created", "An account was made. `verify_email`: whether the address waits for proof."),
    ("user.updated", "Fields of the profile changed. `fields`: their names."),
    ("user.username_changed", "The user name changed."),
    ("user.email_change_requested", "A new e-mail address waits for proof."),
    ("user.email_verification_requested", "The proof of the e-mail address was asked for again."),
    ("user.email_verified", "The e-mail address was proved."),
    (
        "user.email_changed",
        "The e-mail address changed. `old_email_sealed`: the one before, sealed to the person.",
    ),
    ("user.mobile_change_requested", "A new mobile number waits for proof."),
    ("user.mobile_changed", "The mobile number changed."),
    ("user.activated", "The account may be used (again)."),
    ("user.deleted", "The account was deleted; it can be restored for a time. `reason`."),
];

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($field:ident: $type:ty),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(crate) struct $name { #[serde(skip)] pub(crate) user_id: UserId, $(pub(crate) $field: $type,)* }

        impl Event for $name {
            const TYPE: &'static str = $kind;
            fn subject(&self) -> Option<UserId> { Some(self.user_id) }
        }
    )*};
}

events! {
    /// An account was made.
    UserCreated = "user.created" { verify_email: bool }
    /// Fields of the profile changed.
    UserUpdated = "user.updated" { fields: Vec<&'static str> }
    /// The user name changed.
    UsernameChanged = "user.username_changed" {}
    /// A new e-mail address waits for proof.
    EmailChangeRequested = "user.email_change_requested" {}
    /// The proof of the address was asked for again.
    EmailVerificationRequested = "user.email_verification_requested" {}
    /// The address was proved.
    EmailVerified = "user.email_verified" {}
    /// The address changed.
    EmailChanged = "user.email_changed" { old_email_sealed: Option<String>, verify_email: bool }
    /// A new number waits for proof.
    MobileChangeRequested = "user.mobile_change_requested" {}
    /// The number changed.
    MobileChanged = "user.mobile_changed" {}
    /// The account may be used.
    UserActivated = "user.activated" {}
    /// The account was deleted.
    UserDeleted = "user.deleted" { reason: Option<String> }
}
