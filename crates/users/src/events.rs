//! What happens to accounts. Ids and sealed fields only.

use std::collections::BTreeMap;

use denizen_db::Event;
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde::Serialize;

use crate::model::User;
use crate::store::exports::ExportId;

/// Type and meaning of each event, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    (
        "user.created",
        "An account was made. `verify_email`, `verify_mobile`: what waits for proof; `status`; `roles`.",
    ),
    ("user.updated", "Fields of the profile changed. `fields`: their names."),
    ("user.username_changed", "The user name changed. `removed`: it was taken away."),
    ("user.email_change_requested", "A new e-mail address waits for proof."),
    ("user.email_verification_requested", "The proof of the e-mail address was asked for again."),
    ("user.email_verified", "The e-mail address was proved."),
    (
        "user.email_changed",
        "The e-mail address changed. `old_email_sealed`: the one before, sealed to the person.",
    ),
    ("user.mobile_verified", "The mobile number was proved."),
    ("user.mobile_change_requested", "A new mobile number waits for proof."),
    (
        "user.mobile_changed",
        "The mobile number changed. `old_mobile_sealed`: the one before, sealed to the person; `removed`: there is none now.",
    ),
    (
        "user.taken_over",
        "Who holds the mailbox did not register the account: password, mobile number and push tokens went, sessions ended.",
    ),
    ("user.activated", "The account may be used (again). `from`, `to`: its status; `roles`."),
    (
        "user.blocked",
        "The account was blocked. `from`, `to`: its status; `roles`; `reason_sealed`: the reason, sealed to the person.",
    ),
    (
        "user.suspended",
        "The account was suspended `until` a time. `from`, `to`: its status; `roles`; `reason_sealed`: the reason, \
         sealed to the person.",
    ),
    ("role.granted", "An account was given a `role`."),
    ("role.revoked", "A `role` was taken from an account."),
    ("role.created", "A `role` was made. `permissions`."),
    ("role.updated", "A `role` was changed. `permissions`: what it allows now."),
    ("role.deleted", "A `role` was deleted."),
    (
        "user.deleted",
        "The account was deleted; it can be restored for a time. `from`, `to`: its status; `roles`; `reason_sealed`: \
         the reason, sealed to the person.",
    ),
    (
        "user.erased",
        "The account went for good, with all that was kept of it here. `from`, `to`; `roles`; `by`: owner, administrator, \
         operator or retention; `reason_sealed`: sealed to who gave it.",
    ),
    ("user.consent_changed", "What a person agrees to changed. `purpose`, `granted`, `version` of the text."),
    ("user.restriction_changed", "The processing of a profile was `restricted`, or goes on."),
    ("privacy.erased", "An erasure is complete and certified. `certificate_id`."),
    ("privacy.export_ordered", "An archive of what is held about a person was ordered. `export_id`."),
    ("privacy.exported", "The archive is ready. `export_id`."),
    ("privacy.export_failed", "The archive could not be made. `export_id`."),
    ("privacy.export_downloaded", "The archive was handed out. `export_id`."),
    ("privacy.pseudonymised", "Accounts were handed out for statistics under names that nobody can trace."),
    (
        "user.viewed",
        "Somebody with users:read looked at another's account, or at a list. `count`: how many accounts they saw.",
    ),
    (
        "users.imported",
        "Rows of an import were taken. `import_id`; `user_ids`: the new accounts, at most 500; `statuses` and `roles`: \
         how many accounts have each.",
    ),
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
    UserCreated = "user.created" { verify_email: bool, verify_mobile: bool, status: &'static str, roles: Vec<String> }
    /// Fields of the profile changed.
    UserUpdated = "user.updated" { fields: Vec<&'static str> }
    /// The user name changed.
    UsernameChanged = "user.username_changed" { removed: bool }
    /// A new e-mail address waits for proof.
    EmailChangeRequested = "user.email_change_requested" {}
    /// The proof of the address was asked for again.
    EmailVerificationRequested = "user.email_verification_requested" {}
    /// The address was proved.
    EmailVerified = "user.email_verified" {}
    /// The address changed.
    EmailChanged = "user.email_changed" { old_email_sealed: Option<String>, verify_email: bool }
    /// The number was proved.
    MobileVerified = "user.mobile_verified" {}
    /// A new number waits for proof.
    MobileChangeRequested = "user.mobile_change_requested" {}
    /// The number changed.
    MobileChanged = "user.mobile_changed" { old_mobile_sealed: Option<String>, removed: bool }
    /// Who holds the mailbox did not register the account.
    UserTakenOver = "user.taken_over" {}
    /// The account may be used.
    UserActivated = "user.activated" { from: &'static str, to: &'static str, roles: Vec<String> }
    /// The account was blocked.
    UserBlocked = "user.blocked" {
        from: &'static str, to: &'static str, roles: Vec<String>, reason_sealed: Option<String>
    }
    /// The account was suspended until a time.
    UserSuspended = "user.suspended" {
        from: &'static str, to: &'static str, roles: Vec<String>, reason_sealed: Option<String>, until: Timestamp
    }
    /// An account was given a role.
    RoleGranted = "role.granted" { role: String }
    /// A role was taken from an account.
    RoleRevoked = "role.revoked" { role: String }
    /// The account was deleted.
    UserDeleted = "user.deleted" {
        from: &'static str, to: &'static str, roles: Vec<String>, reason_sealed: Option<String>
    }
    /// The account went for good.
    UserErased = "user.erased" {
        from: String, to: &'static str, roles: Vec<String>, by: &'static str, reason_sealed: Option<String>
    }
    /// What a person agrees to changed.
    ConsentChanged = "user.consent_changed" { purpose: String, granted: bool, version: String }
    /// The processing of a profile was restricted, or goes on.
    RestrictionChanged = "user.restriction_changed" { restricted: bool }
    /// An erasure is complete and certified.
    ErasureCertified = "privacy.erased" { certificate_id: uuid::Uuid }
    /// An archive was ordered.
    ExportOrdered = "privacy.export_ordered" { export_id: ExportId }
    /// The archive is ready.
    Exported = "privacy.exported" { export_id: ExportId }
    /// The archive could not be made.
    ExportFailed = "privacy.export_failed" { export_id: ExportId }
    /// The archive was handed out.
    ExportDownloaded = "privacy.export_downloaded" { export_id: ExportId }
}

/// Accounts were handed out under names that nobody can trace.
#[derive(Debug, Serialize)]
pub(crate) struct Pseudonymised {}

impl Event for Pseudonymised {
    const TYPE: &'static str = "privacy.pseudonymised";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

macro_rules! role_events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($field:ident: $type:ty),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }

        impl Event for $name {
            const TYPE: &'static str = $kind;
            fn subject(&self) -> Option<UserId> { None }
        }
    )*};
}

role_events! {
    /// A role was made.
    RoleCreated = "role.created" { role: String, permissions: Vec<String> }
    /// A role was changed.
    RoleUpdated = "role.updated" { role: String, permissions: Vec<String> }
    /// A role was deleted.
    RoleDeleted = "role.deleted" { role: String }
}

/// Somebody looked at another's account, or at several.
#[derive(Debug, Serialize)]
pub(crate) struct UserViewed {
    /// Whose account; none for a list.
    #[serde(skip)]
    pub(crate) user_id: Option<UserId>,
    /// How many accounts were shown.
    pub(crate) count: usize,
}

impl Event for UserViewed {
    const TYPE: &'static str = "user.viewed";
    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

/// Accounts were made by an import.
#[derive(Debug, Serialize)]
pub(crate) struct UsersImported {
    pub(crate) import_id: String,
    pub(crate) user_ids: Vec<UserId>,
    pub(crate) statuses: BTreeMap<&'static str, i64>,
    pub(crate) roles: BTreeMap<String, i64>,
}

impl UsersImported {
    /// The event of an import, without accounts yet.
    pub(crate) fn of(import_id: &str) -> Self {
        let (statuses, roles) = (BTreeMap::new(), BTreeMap::new());
        Self { import_id: import_id.to_owned(), user_ids: Vec::new(), statuses, roles }
    }

    /// Counts an account that was made.
    pub(crate) fn add(&mut self, user: &User) {
        self.user_ids.push(user.id);
        *self.statuses.entry(user.status.as_str()).or_default() += 1;
        for role in &user.roles {
            *self.roles.entry(role.clone()).or_default() += 1;
        }
    }
}

impl Event for UsersImported {
    const TYPE: &'static str = "users.imported";

    fn subject(&self) -> Option<UserId> {
        None
    }
}
