//! Begin a new signing key: by the operator, by age, or when another algorithm is set. It is shown at once and signs
//! after a while, when every verifier has had time to fetch it; the one before is shown until its last token is over.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::time::{Timestamp, after, elapsed};

use super::get_jwks::SHOWN_AFTER;
use super::signing::{load_signing_key, new_key, read_ring};
use crate::App;
use crate::config::Algorithm;
use crate::error::{Error, Result};
use crate::events::SigningKeyRotated;
use crate::model::StoredKey;
use crate::store;

/// How long a new key is only shown: longer than gateways and other replicas keep what they have fetched.
const SHOWN_BEFORE: Duration = Duration::from_secs(120);

/// The change of keys.
pub(crate) struct Rotation {
    pub(crate) key: StoredKey,
    /// Until when the key before is shown.
    pub(crate) old_until: Timestamp,
}

/// Begins a new key. While one waits to sign, that one is the answer.
pub(crate) async fn rotate_signing_key(app: &App, cx: &Cx) -> Result<Rotation> {
    cx.require_service(&[Role::Auth])?;
    load_signing_key(app, cx).await?;
    replace(app, cx, after(cx.now(), SHOWN_BEFORE)).await
}

/// Begins a new key when the newest is too old, or not what the settings ask for: then at once, for who changes the
/// algorithm expects it. Only a start looks for the latter: two replicas with different settings would else replace
/// each other's keys for ever.
pub(crate) async fn renew_signing_key(app: &App, cx: &Cx, at_start: bool) -> Result<()> {
    cx.require_service(&[Role::Auth])?;
    load_signing_key(app, cx).await?;
    let newest = store::newest_signing_key(&mut app.db.single().await?).await?.ok_or(Error::SigningKey)?;
    let shared = app.config.secret_key.as_deref().map(str::as_bytes);
    if at_start && !newest.is_wanted(&app.keys.sealing, app.config.algorithm, shared) {
        replace(app, cx, cx.now()).await?;
    } else if is_old(app, &newest, cx.now()) {
        replace(app, cx, after(cx.now(), SHOWN_BEFORE)).await?;
    }
    Ok(())
}

fn is_old(app: &App, key: &StoredKey, now: Timestamp) -> bool {
    let most = app.config.signing_key_max_age;
    // A shared key that was given can only be changed where it was given.
    let is_given = app.config.algorithm == Algorithm::Hs256 && app.config.secret_key.is_some();
    !most.is_zero() && !is_given && elapsed(key.created_at, now) >= most
}

async fn replace(app: &App, cx: &Cx, signs_from: Timestamp) -> Result<Rotation> {
    let made = new_key(app, cx.now(), signs_from).await?;
    let key = app.db.run(cx, || write(app, cx, &made)).await?;
    let _one = app.keys.signing.loading().await;
    read_ring(app, cx).await?;
    let old_until = after(key.signs_from, app.config.access_token_ttl + SHOWN_AFTER);
    Ok(Rotation { key, old_until })
}

/// Writes the new key behind the newest, or gives the one that waits to sign.
async fn write(app: &App, cx: &Cx, made: &StoredKey) -> Result<StoredKey, Problem> {
    let mut tx = app.db.write().await?;
    let newest = store::newest_signing_key(&mut tx).await?.ok_or(Error::SigningKey)?;
    if newest.signs_from > cx.now() || newest.kid == made.kid {
        return Ok(newest);
    }
    store::retire_signing_key(&mut tx, &newest.kid, made.signs_from).await?;
    let key = StoredKey { number: newest.number + 1, ..made.clone() };
    store::insert_signing_key(&mut tx, &key).await?;
    tx.emit(cx, SigningKeyRotated { kid: key.kid.clone(), algorithm: key.algorithm.clone() });
    tx.commit().await?;
    Ok(key)
}
