//! Users of a `firebase auth:export` file. The hashes need the project's parameters (Authentication → Users →
//! "Password hash parameters" in Firebase's console).

use serde_json::json;

use super::{Fault, Fields, Record, first_of, unpadded};

pub(super) fn read(fields: &Fields, parameters: &Fields) -> Result<Record, Fault> {
    let disabled = fields.flag("disabled")?.unwrap_or(false);
    let email = fields.text("email")?.unwrap_or_default();
    let claims = fields.object("customAttributes")?;
    Ok(Record {
        name: first_of([fields.text("displayName")?, Some(email.clone())]).unwrap_or_default(),
        email,
        email_verified: fields.flag("emailVerified")?.unwrap_or(false),
        mobile: fields.text("phoneNumber")?,
        // Firebase keeps a number only after its owner has proved it.
        mobile_verified: fields.text("phoneNumber")?.is_some(),
        status: if disabled { "blocked" } else { "active" }.to_owned(),
        status_reason: disabled.then(|| "disabled in Firebase".to_owned()),
        metadata: Some(json!({"firebase": {"local_id": fields.text("localId")?, "custom_claims": claims}})),
        password_hash: password_hash(fields, parameters)?,
        created_at: fields.time("createdAt")?,
        last_login_at: fields.time("lastSignedInAt")?,
        ..Record::default()
    })
}

/// Firebase's modified scrypt as one text: `$firebase-scrypt$r=…,m=…,ss=…,sk=…$salt$hash`.
fn password_hash(fields: &Fields, parameters: &Fields) -> Result<Option<String>, Fault> {
    let Some(hash) = fields.text("passwordHash")? else { return Ok(None) };
    let salt = fields.text("salt")?.unwrap_or_default();
    let parameter = |names: [&str; 2]| -> Result<String, Fault> {
        let [snake, console] = names;
        first_of([parameters.text(snake)?, parameters.text(console)?]).ok_or_else(|| {
            let detail =
                "the hashes need the project's parameters: signer_key, salt_separator, rounds, mem_cost";
            Fault::new("/passwordHash", "hash_parameters_missing", detail)
        })
    };
    let signer_key = parameter(["signer_key", "base64_signer_key"])?;
    let separator = parameter(["salt_separator", "base64_salt_separator"])?;
    let (rounds, memory) = (parameter(["rounds", "rounds"])?, parameter(["mem_cost", "memCost"])?);
    Ok(Some(format!(
        "$firebase-scrypt$r={rounds},m={memory},ss={},sk={}${}${}",
        standard(&separator),
        standard(&signer_key),
        standard(&salt),
        standard(&hash)
    )))
}

/// Standard base64 without padding: exports of newer tools have the URL-safe alphabet.
fn standard(base64: &str) -> String {
    unpadded(base64).replace('-', "+").replace('_', "/")
}
