//! Tokens for a session, and the key that signs them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_db::Error as DbError;
use denizen_kit::cx::Cx;
use denizen_kit::time::{Timestamp, after, elapsed};
use denizen_rpc::auth::v1::Tokens;
use denizen_rpc::users::v1::User;

use crate::App;
use crate::error::{Error, Result};
use crate::model::{AUDIENCE, Claims, RefreshToken, Session, SigningKey, StoredKey};
use crate::ring::Ring;
use crate::store;

/// An access token for the session, with the roles that the person has now.
pub(super) async fn access_token(app: &App, cx: &Cx, session: &Session, user: User) -> Result<Tokens> {
    let key = load_signing_key(app, cx).await?;
    let now = cx.now();
    let expires_at = after(now, app.config.access_token_ttl).min(session.expires_at);
    let claims = Claims {
        iss: app.config.issuer.clone(),
        sub: session.user_id,
        aud: AUDIENCE.to_owned(),
        exp: expires_at.as_second(),
        iat: now.as_second(),
        jti: cx.uuid(),
        sid: session.id,
        roles: user.roles.clone(),
        permissions: None,
        net: session.tie.as_ref().map(|tie| URL_SAFE_NO_PAD.encode(tie)),
        amr: session.amr.clone(),
        auth_time: session.auth_time.as_second(),
    };
    Ok(Tokens {
        access_token: key.sign(&claims)?,
        expires_in: claims.exp - claims.iat,
        refresh_token: String::new(),
        refresh_expires_in: 0,
        session_id: session.id.to_string(),
        user: Some(user),
    })
}

/// An access token for the session, and the refresh token of its present generation.
pub(super) async fn both_tokens(app: &App, cx: &Cx, session: &Session, user: User) -> Result<Tokens> {
    let tokens = access_token(app, cx, session, user).await?;
    let refresh = RefreshToken::new(&app.keys.refresh, session.id, session.generation, &session.nonce);
    let left = elapsed(cx.now(), session.expires_at).as_secs();
    Ok(Tokens {
        refresh_token: refresh.to_text(),
        refresh_expires_in: i64::try_from(left).unwrap_or(i64::MAX),
        ..tokens
    })
}

/// The key that signs now. The keys are read again now and then, and the first is made when there is none.
pub(crate) async fn load_signing_key(app: &App, cx: &Cx) -> Result<Arc<SigningKey>> {
    if let Some(key) = app.keys.signing.present(cx.now()) {
        return Ok(key);
    }
    let _one = app.keys.signing.loading().await;
    match app.keys.signing.present(cx.now()) {
        Some(key) => Ok(key),
        None => read_ring(app, cx).await,
    }
}

/// Reads the keys, whatever is held of them.
pub(super) async fn read_ring(app: &App, cx: &Cx) -> Result<Arc<SigningKey>> {
    let now = cx.now();
    let mut stored = store::signing_keys(&mut app.db.single().await?, now).await?;
    if stored.is_empty() {
        stored = make_first_key(app, cx).await?;
    }
    let sealing = &app.keys.sealing;
    let keys = stored.iter().map(|key| Ok((key.signs_from, Arc::new(key.open(sealing)?))));
    app.keys.signing.put(Ring::new(now, keys.collect::<Result<_>>()?));
    // A first key signs from the moment it was made, which is after `now`.
    app.keys.signing.present(cx.now()).ok_or(Error::SigningKey)
}

/// A new key of the algorithm that is set. Making one of RS256 takes a while, so it is done beside the others' work.
pub(super) async fn new_key(app: &App, now: Timestamp, signs_from: Timestamp) -> Result<StoredKey> {
    let (sealing, algorithm) = (app.keys.sealing.clone(), app.config.algorithm);
    let shared = app.config.secret_key.clone();
    let making = tokio::task::spawn_blocking(move || {
        let shared = shared.as_deref().map(str::as_bytes);
        StoredKey::new(&sealing, algorithm, shared, (now, signs_from))
    });
    making.await.map_err(|_| Error::SigningKey)?
}

/// Makes the first key. Of several processes that do so at once, one succeeds and all use its key.
async fn make_first_key(app: &App, cx: &Cx) -> Result<Vec<StoredKey>> {
    let made = new_key(app, cx.now(), cx.now()).await?;
    let mut tx = app.db.write_relaxed("one insert that a unique constraint decides").await?;
    let inserted = match store::insert_signing_key(&mut tx, &made).await {
        Ok(()) => tx.commit().await,
        Err(error) => {
            drop(tx);
            Err(error)
        }
    };
    match inserted {
        Ok(()) => Ok(vec![made]),
        Err(DbError::Duplicate(_)) => store::signing_keys(&mut app.db.single().await?, cx.now()).await,
        Err(error) => Err(error.into()),
    }
}
