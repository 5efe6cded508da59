//! Rows of Supabase's (`GoTrue`'s) `auth.users`, as JSON or CSV.

use serde_json::json;

use super::{Fault, Fields, Record, first_of};

pub(super) fn read(fields: &Fields) -> Result<Record, Fault> {
    if fields.text("deleted_at")?.is_some() {
        return Err(Fault::new("/deleted_at", "deleted", "the account was deleted there; leave the row out"));
    }
    let email = fields.text("email")?.unwrap_or_default();
    let about = fields.inner("raw_user_meta_data")?;
    let names = [about.text("full_name")?, about.text("name")?, Some(email.clone())];
    let banned_until = fields.time("banned_until")?;
    let metadata = json!({
        "user_metadata": fields.object("raw_user_meta_data")?,
        "app_metadata": fields.object("raw_app_meta_data")?,
    });
    Ok(Record {
        id: fields.text("id")?,
        name: first_of(names).unwrap_or_default(),
        email,
        email_verified: fields.text("email_confirmed_at")?.is_some(),
        // GoTrue keeps numbers without their plus sign.
        mobile: fields.text("phone")?.map(|phone| format!("+{}", phone.trim_start_matches('+'))),
        mobile_verified: fields.text("phone_confirmed_at")?.is_some(),
        status: if banned_until.is_some() { "suspended" } else { "active" }.to_owned(),
        status_reason: banned_until.map(|_| "banned in Supabase".to_owned()),
        status_until: banned_until,
        locale: about.text("locale")?,
        metadata: Some(metadata),
        password_hash: fields.text("encrypted_password")?,
        created_at: fields.time("created_at")?,
        last_login_at: fields.time("last_sign_in_at")?,
        ..Record::default()
    })
}
