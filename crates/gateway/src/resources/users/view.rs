//! The public form of an account.

use std::collections::BTreeMap;

use denizen_kit::time::Timestamp;
use denizen_rpc::users::v1 as wire;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::faces::csv::Cells;
use crate::resources::time;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    #[schema(format = Uuid)]
    id: String,
    username: Option<String>,
    name: String,
    email: Option<String>,
    email_verified: bool,
    /// An address that waits for its proof.
    pending_email: Option<String>,
    /// E.164.
    mobile: Option<String>,
    mobile_verified: bool,
    /// A number that waits for its proof.
    pending_mobile: Option<String>,
    status: Status,
    status_reason: Option<String>,
    /// Until when a suspension lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    status_until: Option<Timestamp>,
    /// Who gave the account its status; not in one's own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status_by: Option<String>,
    /// When they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime)]
    status_at: Option<Timestamp>,
    roles: Vec<String>,
    preferences: Preferences,
    /// What the application keeps with the account.
    #[schema(value_type = Object)]
    metadata: Box<RawValue>,
    avatar_url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
    /// Device name to push token; only in one's own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    push_tokens: Option<BTreeMap<String, String>>,
}

/// What state an account is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Active,
    Blocked,
    Suspended,
    Deleted,
}

/// How a person wants to be reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Preferences {
    email: bool,
    push: bool,
    sms: bool,
    /// Language of messages (BCP 47).
    locale: String,
}

/// A change that waits for its proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PendingChange {
    user: User,
    /// When the code that is on its way ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// That an address was proved, to somebody who need not be its owner.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmailProved {
    pub(crate) email_verified: bool,
}

/// The columns of accounts in CSV, in the order of [`Cells`].
pub(crate) const COLUMNS: [&str; 15] = [
    "id",
    "username",
    "name",
    "email",
    "email_verified",
    "mobile",
    "mobile_verified",
    "status",
    "status_reason",
    "roles",
    "locale",
    "metadata",
    "created_at",
    "updated_at",
    "last_login_at",
];

impl Cells for User {
    fn cells(&self) -> Vec<String> {
        let at = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        vec![
            self.id.clone(),
            self.username.clone().unwrap_or_default(),
            self.name.clone(),
            self.email.clone().unwrap_or_default(),
            self.email_verified.to_string(),
            self.mobile.clone().unwrap_or_default(),
            self.mobile_verified.to_string(),
            self.status.as_str().to_owned(),
            self.status_reason.clone().unwrap_or_default(),
            self.roles.join(" "),
            self.preferences.locale.clone(),
            self.metadata.get().to_owned(),
            at(self.created_at),
            at(self.updated_at),
            at(self.last_login_at),
        ]
    }
}

// === impl User ===

impl User {
    /// The account as its owner sees it.
    pub(crate) fn own(user: wire::User) -> Self {
        let push_tokens = user.push_tokens.clone().into_iter().collect();
        Self { push_tokens: Some(push_tokens), ..Self::of_another(user) }
    }

    /// The account as others see it.
    pub(crate) fn of_another(user: wire::User) -> Self {
        let status = Status::of(user.status());
        let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
        Self {
            id: user.id,
            username: user.username,
            name: user.name,
            email: user.email,
            email_verified: user.email_verified,
            pending_email: user.pending_email,
            mobile: user.mobile,
            mobile_verified: user.mobile_verified,
            pending_mobile: user.pending_mobile,
            status,
            status_reason: user.status_reason,
            status_until: time(user.status_until),
            status_by: user.status_by,
            status_at: time(user.status_at),
            roles: user.roles,
            preferences: Preferences::of(user.preferences.unwrap_or_default()),
            metadata: raw(&user.metadata).or_else(|| raw("{}")).unwrap_or_default(),
            avatar_url: user.avatar_url,
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
            last_login_at: time(user.last_login_at),
            push_tokens: None,
        }
    }
}

// === impl Status ===

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }

    fn of(status: wire::Status) -> Self {
        match status {
            wire::Status::Pending | wire::Status::Unspecified => Self::Pending,
            wire::Status::Active => Self::Active,
            wire::Status::Blocked => Self::Blocked,
            wire::Status::Suspended => Self::Suspended,
            wire::Status::Deleted => Self::Deleted,
        }
    }
}

// === impl Preferences ===

impl Preferences {
    pub(crate) fn of(preferences: wire::Preferences) -> Self {
        let wire::Preferences { email, push, sms, locale } = preferences;
        Self { email, push, sms, locale }
    }
}

// === impl PendingChange ===

impl PendingChange {
    /// The change, its account shown as to its owner or as to others.
    pub(crate) fn of(change: wire::PendingChange, is_self: bool) -> Self {
        let user = change.user.unwrap_or_default();
        let user = if is_self { User::own(user) } else { User::of_another(user) };
        Self { user, expires_at: time(change.expires_at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_fields_that_are_promised_and_no_others() {
        let user = wire::User { metadata: r#"{"a":[1,2.50]}"#.into(), ..wire::User::default() };
        let json = serde_json::to_value(User::own(user.clone())).unwrap();
        let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let promised = [
            "avatar_url",
            "created_at",
            "email",
            "email_verified",
            "id",
            "last_login_at",
            "metadata",
            "mobile",
            "mobile_verified",
            "name",
            "pending_email",
            "pending_mobile",
            "preferences",
            "push_tokens",
            "roles",
            "status",
            "status_reason",
            "updated_at",
            "username",
        ];
        assert_eq!(names, promised);
        let text = serde_json::to_string(&User::of_another(user)).unwrap();
        assert!(!text.contains("push_tokens"));
        assert!(text.contains(r#""metadata":{"a":[1,2.50]}"#), "{text}");
    }

    #[test]
    fn times_are_in_utc() {
        let at = Some(prost_types::Timestamp { seconds: 1_769_857_200, nanos: 5_000 });
        let json =
            serde_json::to_value(User::own(wire::User { created_at: at, ..wire::User::default() })).unwrap();
        assert_eq!(json["created_at"], "2026-01-31T11:00:00.000005Z");
    }
}
