//! Records as the systems give them out, from the documents of each.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::time::{Clock, Timestamp};
use rlibphonenumber::Region;

use super::*;
use crate::model::Status;

fn cx() -> Cx {
    Cx::job(Role::Users, &Clock::manual("2026-01-31T12:00:00Z".parse().unwrap()))
}

fn rules(roles: &[String]) -> Rules<'_> {
    Rules { region: Region::US, strict_mobile: false, roles }
}

fn account(format: Format, text: &str, parameters: &str) -> Result<Account, Fault> {
    let parameters = Fields::parse(parameters).unwrap();
    let roles = ["user", "support"].map(str::to_owned);
    format.read(text, &parameters)?.account(&cx(), &rules(&roles))
}

#[expect(clippy::unnecessary_wraps, reason = "times of an account are optional")]
fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn own_form() {
    let text = r#"{"id": "01920000-0000-7000-8000-000000000001", "name": "Ada", "email": "Ada@Example.test",
        "email_verified": true, "username": "ada", "mobile": "+4915112345678", "status": "suspended",
        "status_reason": "spam", "status_until": "2026-03-01T00:00:00Z", "roles": ["support"],
        "preferences": {"sms": false, "locale": "de"}, "metadata": {"plan": "gold"}, "push_tokens": {"default": "t"},
        "password_hash": "$argon2id$v=19$m=1,t=1,p=1$a$b", "created_at": "2020-02-29T00:00:00Z", "unknown": 1}"#;
    let Account { user, password_hash, .. } = account(Format::Denizen, text, "{}").unwrap();
    assert_eq!(user.id.to_string(), "01920000-0000-7000-8000-000000000001");
    assert_eq!((user.email.as_str(), user.email.canonical()), ("Ada@Example.test", "ada@example.test"));
    assert_eq!((user.status, user.status_until), (Status::Suspended, time("2026-03-01T00:00:00Z")));
    assert_eq!(user.roles, ["user", "support"]);
    assert_eq!(user.metadata.as_str(), r#"{"plan":"gold"}"#);
    assert_eq!((user.preferences.sms, user.preferences.locale.as_str()), (false, "de"));
    assert_eq!(Some(user.created_at), time("2020-02-29T00:00:00Z"));
    assert!(password_hash.is_some() && user.email_verified_at.is_some());
}

#[test]
fn cells_of_csv_are_texts() {
    let text = r#"{"name": "Ada", "email": "ada@example.test", "email_verified": "true", "roles": "user; support",
        "metadata": "{\"a\":1}", "created_at": "2020-02-29 10:00:00+00", "mobile": "", "username": ""}"#;
    let user = account(Format::Denizen, text, "{}").unwrap().user;
    assert_eq!(user.roles, ["user", "support"]);
    assert_eq!(Some(user.created_at), time("2020-02-29T10:00:00Z"));
    assert!(user.email_verified_at.is_some() && user.mobile.is_none() && user.username.is_none());
}

#[test]
fn keycloak_pbkdf2_and_argon2() {
    let user = |credential: &str, secret: &str| {
        format!(
            r#"{{"id": "5a4c1b0e-2f0e-4c36-9d2c-0d0f6d6f5f10", "createdTimestamp": 1600000000000, "username": "ada",
            "enabled": false, "emailVerified": true, "firstName": "Ada", "lastName": "Lovelace",
            "email": "ada@example.test", "attributes": {{"phoneNumber": ["+4915112345678"], "locale": ["de"]}},
            "credentials": [{{"type": "otp"}}, {{"type": "password", "secretData": {}, "credentialData": {}}}],
            "realmRoles": ["admin"]}}"#,
            serde_json::to_string(secret).unwrap(),
            serde_json::to_string(credential).unwrap(),
        )
    };
    let secret = r#"{"value":"aGFzaA==","salt":"c2FsdA==","additionalParameters":{}}"#;
    let pbkdf2 = r#"{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#;
    let found = account(Format::Keycloak, &user(pbkdf2, secret), "{}").unwrap();
    assert_eq!(found.password_hash.as_deref(), Some("$pbkdf2-sha256$i=27500$c2FsdA$aGFzaA"));
    assert_eq!((found.user.name.as_str(), found.user.status), ("Ada Lovelace", Status::Blocked));
    assert_eq!(found.user.roles, ["user"], "what a role allows there says nothing about here");
    assert_eq!(Some(found.user.created_at), time("2020-09-13T12:26:40Z"));
    assert_eq!(found.user.preferences.locale, "de");

    let argon2 = r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],
        "memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#;
    let found = account(Format::Keycloak, &user(argon2, secret), "{}").unwrap();
    assert_eq!(found.password_hash.as_deref(), Some("$argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA"));
    let fault = account(Format::Keycloak, &user(r#"{"algorithm":"rot13"}"#, secret), "{}").unwrap_err();
    assert_eq!((fault.pointer.as_str(), fault.code), ("/credentials", "unsupported"));
}

#[test]
fn auth0_both_exports() {
    let bulk = r#"{"_id": {"$oid": "60425dc43519d90068f82973"}, "email_verified": false, "email": "a@example.test",
        "passwordHash": "$2b$10$Z6hUTEEeoJXN5/AmSm/4.eZ75RYgFVriQM9LPhNEC7kbAbS/VAaJ2", "nickname": "a",
        "created_at": {"$date": "2021-03-05T16:35:16.783Z"}}"#;
    let found = account(Format::Auth0, bulk, "{}").unwrap();
    assert!(found.password_hash.is_some_and(|hash| hash.starts_with("$2b$10$")));
    assert_eq!(Some(found.user.created_at), time("2021-03-05T16:35:16.783Z"));
    assert!(found.user.metadata.as_str().contains("60425dc43519d90068f82973"));

    let export = r#"{"user_id": "auth0|1", "email": "b@example.test", "name": "Bea", "blocked": true,
        "created_at": "2021-03-05T16:35:16.783Z", "user_metadata": {"color": "red"}}"#;
    let found = account(Format::Auth0, export, "{}").unwrap();
    assert_eq!((found.user.name.as_str(), found.user.status), ("Bea", Status::Blocked));
    assert!(found.user.metadata.as_str().contains("auth0|1"));
}

#[test]
fn firebase_needs_the_parameters_of_its_hashes() {
    let user = r#"{"localId": "abc", "email": "f@example.test", "emailVerified": true, "passwordHash": "aGFzaA==",
        "salt": "c2Fs-A==", "displayName": "Fay", "phoneNumber": "+14155550100", "createdAt": "1486324170000",
        "lastSignedInAt": "1486324171000", "providerUserInfo": []}"#;
    let parameters = r#"{"signer_key": "a2V5", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}"#;
    let found = account(Format::Firebase, user, parameters).unwrap();
    assert_eq!(found.password_hash.as_deref(), Some("$firebase-scrypt$r=8,m=14,ss=Bw,sk=a2V5$c2Fs+A$aGFzaA"));
    assert_eq!(found.user.last_login_at, time("2017-02-05T19:49:31Z"));
    let fault = account(Format::Firebase, user, "{}").unwrap_err();
    assert_eq!(fault.code, "hash_parameters_missing");
}

#[test]
fn supabase_json_and_csv() {
    let row = r#"{"id": "5a4c1b0e-2f0e-4c36-9d2c-0d0f6d6f5f10", "email": "s@example.test",
        "encrypted_password": "$2a$10$abc", "email_confirmed_at": "2023-01-01 10:00:00.123456+00",
        "phone": "4915112345678", "raw_user_meta_data": "{\"full_name\": \"Sue\"}", "raw_app_meta_data": null,
        "created_at": "2022-12-31T10:00:00Z", "last_sign_in_at": "", "banned_until": "2999-01-01T00:00:00Z"}"#;
    let found = account(Format::Supabase, row, "{}").unwrap();
    assert_eq!((found.user.name.as_str(), found.user.status), ("Sue", Status::Suspended));
    assert_eq!(found.user.mobile.map(|mobile| mobile.as_str().to_owned()), Some("+4915112345678".into()));
    assert!(found.user.email_verified_at.is_some() && found.user.mobile_verified_at.is_none());
    let gone = account(
        Format::Supabase,
        r#"{"email": "x@example.test", "deleted_at": "2023-01-01T00:00:00Z"}"#,
        "{}",
    );
    assert_eq!(gone.unwrap_err().code, "deleted");
}

#[test]
fn what_is_wrong_names_its_field() {
    for (text, pointer) in [
        ("[]", ""),
        ("{\"name\": ", ""),
        (r#"{"name": "A"}"#, "/email"),
        (r#"{"name": "A", "email": "nobody"}"#, "/email"),
        (r#"{"email": "a@example.test"}"#, "/name"),
        (r#"{"name": "A", "email": "a@example.test", "roles": ["admin"]}"#, "/roles"),
        (r#"{"name": "A", "email": "a@example.test", "roles": {"a": 1}}"#, "/roles"),
        (r#"{"name": "A", "email": "a@example.test", "status": "deleted"}"#, "/status"),
        (r#"{"name": "A", "email": "a@example.test", "status": "suspended"}"#, "/status_until"),
        (r#"{"name": "A", "email": "a@example.test", "created_at": "soon"}"#, "/created_at"),
        (r#"{"name": "A", "email": "a@example.test", "metadata": "[]"}"#, "/metadata"),
        (r#"{"name": "A", "email": "a@example.test", "id": "42"}"#, "/id"),
        (
            r#"{"name": "A", "email": "a@example.test", "preferences": {"email": "perhaps"}}"#,
            "/preferences/email",
        ),
        (r#"{"name": "A", "email": "a@example.test", "mobile": "12"}"#, "/mobile"),
    ] {
        assert_eq!(account(Format::Denizen, text, "{}").unwrap_err().pointer, pointer, "{text}");
    }
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(70_000));
    assert_eq!(account(Format::Denizen, &long, "{}").unwrap_err().code, "too_long");
}
