//! Users of Auth0: lines of a user export, and of the export with `passwordHash` that its support gives.

use serde_json::json;

use super::{Fault, Fields, Record, first_of};

pub(super) fn read(fields: &Fields) -> Result<Record, Fault> {
    let email = fields.text("email")?.unwrap_or_default();
    let blocked = fields.flag("blocked")?.unwrap_or(false);
    let old_id = first_of([fields.text("user_id").ok().flatten(), fields.inner("_id")?.text("$oid")?]);
    let (user, app) = (fields.object("user_metadata")?, fields.object("app_metadata")?);
    let metadata = json!({"auth0": {"user_id": old_id, "user_metadata": user, "app_metadata": app}});
    Ok(Record {
        name: first_of([fields.text("name")?, fields.text("nickname")?, Some(email.clone())])
            .unwrap_or_default(),
        email,
        email_verified: fields.flag("email_verified")?.unwrap_or(false),
        username: fields.text("username")?,
        mobile: fields.text("phone_number")?,
        mobile_verified: fields.flag("phone_verified")?.unwrap_or(false),
        status: if blocked { "blocked" } else { "active" }.to_owned(),
        status_reason: blocked.then(|| "blocked in Auth0".to_owned()),
        locale: fields.text("locale")?,
        metadata: Some(metadata),
        password_hash: first_of([fields.text("passwordHash")?, fields.text("password_hash")?]),
        created_at: created_at(fields)?,
        last_login_at: fields.time("last_login")?,
        ..Record::default()
    })
}

/// The time of making: a text, or `MongoDB`'s `{"$date": …}`.
fn created_at(fields: &Fields) -> Result<Option<denizen_kit::time::Timestamp>, Fault> {
    match fields.time("created_at") {
        Ok(time) => Ok(time),
        Err(_) => fields.inner("created_at")?.time("$date"),
    }
}
