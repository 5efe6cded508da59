//! Accounts as they go out.

use denizen_kit::cx::Cx;
use denizen_kit::time::Timestamp;
use denizen_rpc::decode::to_wire;
use denizen_rpc::users::internal::v1 as internal;
use denizen_rpc::users::v1 as wire;

use crate::model::{Preferences, Status, User, picture};

/// The account for this caller: push tokens are shown to their owner only, who gave it its status to others only.
pub(crate) fn encode(user: &User, cx: &Cx) -> wire::User {
    let mut wire = account(user, cx.now());
    if cx.is_self(user.id) {
        wire.push_tokens = user.push_tokens.clone().into_iter().collect();
    } else {
        wire.status_by.clone_from(&user.status_by);
        wire.status_at = user.status_at.map(to_wire);
    }
    wire
}

/// The account without what only its owner sees.
pub(crate) fn account(user: &User, now: Timestamp) -> wire::User {
    wire::User {
        id: user.id.to_string(),
        username: user.username.as_ref().map(|name| name.as_str().to_owned()),
        name: user.name.as_str().to_owned(),
        email: Some(user.email.as_str().to_owned()),
        email_verified: user.email_verified_at.is_some(),
        pending_email: user.pending_email.as_ref().map(|email| email.as_str().to_owned()),
        mobile: user.mobile.as_ref().map(|mobile| mobile.as_str().to_owned()),
        mobile_verified: user.mobile_verified_at.is_some(),
        pending_mobile: user.pending_mobile.as_ref().map(|mobile| mobile.as_str().to_owned()),
        status: status(user, now).into(),
        status_reason: user.status_reason.as_ref().map(|reason| reason.as_str().to_owned()),
        status_until: user.status_until.map(to_wire),
        roles: user.roles.clone(),
        preferences: Some(preferences(&user.preferences)),
        metadata: user.metadata.as_str().to_owned(),
        avatar_url: user.avatar.as_deref().map(|avatar| picture::address(user.id, avatar)),
        created_at: Some(to_wire(user.created_at)),
        updated_at: Some(to_wire(user.updated_at)),
        last_login_at: user.last_login_at.map(to_wire),
        version: user.version,
        push_tokens: std::collections::HashMap::new(),
        status_by: None,
        status_at: None,
    }
}

fn status(user: &User, now: Timestamp) -> wire::Status {
    if user.deleted_at.is_some() {
        return wire::Status::Deleted;
    }
    match user.status_at(now) {
        Status::Pending => wire::Status::Pending,
        Status::Active => wire::Status::Active,
        Status::Blocked => wire::Status::Blocked,
        Status::Suspended => wire::Status::Suspended,
    }
}

fn preferences(preferences: &Preferences) -> wire::Preferences {
    wire::Preferences {
        email: preferences.email,
        push: preferences.push,
        sms: preferences.sms,
        locale: preferences.locale.clone(),
    }
}

/// How the person can be reached.
pub(crate) fn contact(user: &User, now: Timestamp) -> internal::Contact {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    internal::Contact {
        found: true,
        name: user.name.as_str().to_owned(),
        username: text(user.username.as_ref().map(crate::model::Username::as_str)),
        email: user.email.as_str().to_owned(),
        email_verified: user.email_verified_at.is_some(),
        pending_email: text(user.pending_email.as_ref().map(crate::model::Email::as_str)),
        mobile: text(user.mobile.as_ref().map(crate::model::Mobile::as_str)),
        mobile_verified: user.mobile_verified_at.is_some(),
        pending_mobile: text(user.pending_mobile.as_ref().map(crate::model::Mobile::as_str)),
        preferences: Some(preferences(&user.preferences)),
        status: status(user, now).into(),
        restricted: user.restricted_at.is_some(),
        push_tokens: user.push_tokens.clone().into_iter().collect(),
    }
}
