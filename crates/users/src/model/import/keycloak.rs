//! Users of a Keycloak realm file (`kc.sh export`, `UserRepresentation`). Roles, groups and federated identities are
//! not taken over: what they allow here is for an administrator to say.

use serde_json::json;

use super::{Fault, Fields, Record, first_of, unpadded};

/// Attributes in which realms keep a phone number.
const MOBILE: [&str; 4] = ["phoneNumber", "phone_number", "mobile", "phone"];

pub(super) fn read(fields: &Fields) -> Result<Record, Fault> {
    let attributes = fields.inner("attributes")?;
    let enabled = fields.flag("enabled")?.unwrap_or(true);
    let names = [fields.text("firstName")?, fields.text("lastName")?];
    let full = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let username = fields.text("username")?;
    let email = fields.text("email")?.unwrap_or_default();
    let [a, b, c, d] = MOBILE.map(|name| first(&attributes, name));
    Ok(Record {
        id: fields.text("id")?,
        name: first_of([Some(full), username.clone(), Some(email.clone())]).unwrap_or_default(),
        // Keycloak's user name is often the address itself, which is an identifier here already.
        username: username.filter(|name| !name.contains('@')),
        email,
        email_verified: fields.flag("emailVerified")?.unwrap_or(false),
        mobile: first_of([a?, b?, c?, d?]),
        status: if enabled { "active" } else { "blocked" }.to_owned(),
        status_reason: (!enabled).then(|| "disabled in Keycloak".to_owned()),
        locale: first(&attributes, "locale")?,
        metadata: fields.object("attributes")?.map(|attributes| json!({"attributes": attributes})),
        password_hash: password_hash(fields)?,
        created_at: fields.time("createdTimestamp")?,
        ..Record::default()
    })
}

/// The first value of an attribute: they are lists.
fn first(attributes: &Fields, name: &str) -> Result<Option<String>, Fault> {
    Ok(attributes.texts(name)?.into_iter().next())
}

fn password_hash(fields: &Fields) -> Result<Option<String>, Fault> {
    for credential in fields.list("credentials")? {
        if credential.text("type")?.as_deref() == Some("password") {
            return Ok(Some(phc(&credential.inner("credentialData")?, &credential.inner("secretData")?)?));
        }
    }
    Ok(None)
}

/// A password credential (`PasswordCredentialModel`) as a PHC string.
fn phc(data: &Fields, secret: &Fields) -> Result<String, Fault> {
    let part = |fields: &Fields, name| Ok(fields.text(name)?.unwrap_or_default());
    let (algorithm, iterations) = (part(data, "algorithm")?, part(data, "hashIterations")?);
    let (salt, value) = (part(secret, "salt")?, part(secret, "value")?);
    let (salt, hash) = (unpadded(&salt), unpadded(&value));
    match algorithm.as_str() {
        "pbkdf2-sha256" | "pbkdf2-sha512" => Ok(format!("${algorithm}$i={iterations}${salt}${hash}")),
        "argon2" => {
            let more = data.inner("additionalParameters")?;
            let kind = first(&more, "type")?.unwrap_or_else(|| "id".to_owned());
            let memory = first(&more, "memory")?.unwrap_or_default();
            let lanes = first(&more, "parallelism")?.unwrap_or_default();
            Ok(format!("$argon2{kind}$v=19$m={memory},t={iterations},p={lanes}${salt}${hash}"))
        }
        other => Err(Fault::new(
            "/credentials",
            "unsupported",
            format!("hashes of the algorithm {other:?} cannot be checked here; leave credentials out"),
        )),
    }
}
