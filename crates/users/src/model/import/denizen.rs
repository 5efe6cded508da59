//! Denizen's own form: the fields of a user as the API shows them, and `password_hash`.

use super::{Fault, Fields, Record};

pub(super) fn read(fields: &Fields) -> Result<Record, Fault> {
    let preferences = fields.inner("preferences")?;
    let push_tokens = fields.inner("push_tokens")?;
    Ok(Record {
        id: fields.text("id")?,
        name: fields.text("name")?.unwrap_or_default(),
        email: fields.text("email")?.unwrap_or_default(),
        email_verified: fields.flag("email_verified")?.unwrap_or(false),
        username: fields.text("username")?,
        mobile: fields.text("mobile")?,
        mobile_verified: fields.flag("mobile_verified")?.unwrap_or(false),
        status: fields.text("status")?.unwrap_or_else(|| "active".to_owned()),
        status_reason: fields.text("status_reason")?,
        status_until: fields.time("status_until")?,
        roles: fields.texts("roles")?,
        prefers_email: preferences.flag("email")?,
        prefers_push: preferences.flag("push")?,
        prefers_sms: preferences.flag("sms")?,
        locale: preferences.text("locale")?,
        metadata: fields.object("metadata")?,
        push_tokens: push_tokens
            .pairs()
            .map(|(device, token)| (device.to_owned(), token.to_owned()))
            .collect(),
        password_hash: fields.text("password_hash")?,
        created_at: fields.time("created_at")?,
        last_login_at: fields.time("last_login_at")?,
    })
}
