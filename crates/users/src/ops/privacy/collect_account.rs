//! What users itself holds about a person, opened, for their archive.

use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::model::consent::Consent;
use crate::model::{User, picture};
use crate::ops::put_avatar::sealing;
use crate::store;
use crate::store::avatars;
use crate::store::consents::{self, Change};
use crate::store::exports::{self, Export};

/// How many changes of consents one look takes.
const CHUNK: i64 = 500;

/// Names of the files and what goes into them.
pub(super) async fn collect_account(
    app: &App,
    id: UserId,
    key: &Key,
) -> Result<Vec<(&'static str, Vec<Value>)>> {
    let mut tx = app.db.read().await?;
    let user = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?.open(key)?;
    let restriction = consents::restriction(&mut tx, id).await?.and_then(|(since, _)| since);
    let given = consents::consents(&mut tx, id).await?;
    let mut changes: Vec<Change> = Vec::new();
    loop {
        let before = changes.last().map_or(Uuid::max(), |change| change.id);
        let more = consents::changes(&mut tx, id, before, CHUNK).await?;
        let is_last = more.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
        changes.extend(more);
        if is_last {
            break;
        }
    }
    let archives = exports::exports_of(&mut tx, id).await?;
    let mut account = account(&user);
    account["restricted_since"] = json!(restriction);
    Ok(vec![
        ("users/account", vec![account]),
        ("users/consents", given.iter().map(consent).collect()),
        ("users/consent_changes", changes.iter().map(change).collect()),
        ("users/exports", archives.iter().map(archive).collect()),
    ])
}

/// The person's picture with a name for its file, if they have one.
pub(super) async fn collect_picture(
    app: &App,
    id: UserId,
    key: &Key,
) -> Result<Option<(&'static str, Vec<u8>)>> {
    let Some(avatar) = avatars::of(&mut app.db.single().await?, id).await? else { return Ok(None) };
    let Some(sealed) = app.objects.get(&picture::object(id, &avatar)).await? else { return Ok(None) };
    let content = key.open(&sealing(id, &avatar), &sealed)?;
    let name = match picture::media_type(&content) {
        "image/png" => "users/avatar.png",
        "image/jpeg" => "users/avatar.jpg",
        "image/webp" => "users/avatar.webp",
        _ => "users/avatar",
    };
    Ok(Some((name, content)))
}

fn account(user: &User) -> Value {
    let metadata: Value = serde_json::from_str(user.metadata.as_str()).unwrap_or_default();
    json!({
        "id": user.id,
        "username": user.username.as_ref().map(|name| name.as_str().to_owned()),
        "name": user.name.as_str(),
        "email": user.email.as_str(),
        "email_verified_at": user.email_verified_at,
        "pending_email": user.pending_email.as_ref().map(|email| email.as_str().to_owned()),
        "mobile": user.mobile.as_ref().map(|mobile| mobile.as_str().to_owned()),
        "mobile_verified_at": user.mobile_verified_at,
        "pending_mobile": user.pending_mobile.as_ref().map(|mobile| mobile.as_str().to_owned()),
        "status": user.status.as_str(),
        "status_reason": user.status_reason.as_ref().map(|reason| reason.as_str().to_owned()),
        "status_until": user.status_until,
        "roles": user.roles,
        "preferences": {
            "email": user.preferences.email,
            "push": user.preferences.push,
            "sms": user.preferences.sms,
            "locale": user.preferences.locale,
        },
        "metadata": metadata,
        "push_tokens": user.push_tokens,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_login_at": user.last_login_at,
    })
}

fn consent(consent: &Consent) -> Value {
    let wish = &consent.wish;
    json!({ "purpose": wish.purpose, "granted": wish.granted, "version": wish.version, "at": consent.at })
}

fn change(change: &Change) -> Value {
    let mut value = consent(&change.consent);
    value["by"] = json!(change.by);
    value
}

fn archive(export: &Export) -> Value {
    json!({ "id": export.id, "created_at": export.created_at, "ready_at": export.ready_at, "bytes": export.size })
}
