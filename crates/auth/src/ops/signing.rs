//! Tokens for a session, and the key that signs them.

use denizen_db::Error as DbError;
use denizen_kit::cx::Cx;
use denizen_kit::time::{after, elapsed};
use denizen_rpc::auth::v1::Tokens;
use denizen_rpc::users::v1::User;

use crate::App;
use crate::error::Result;
use crate::model::{AUDIENCE, Claims, RefreshToken, Session, SigningKey, StoredKey};
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
        amr: session.amr.clone(),
        auth_time: session.auth_time.as_second(),
    };
    Ok(Tokens {
        access_token: key.sign(&claims),
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

/// The key that signs; read once, and made when there is none yet.
pub(crate) async fn load_signing_key<'a>(app: &'a App, cx: &Cx) -> Result<&'a SigningKey> {
    app.keys
        .signing
        .get_or_try_init(|| async {
            let stored = match store::signing_key(&mut app.db.single().await?).await? {
                Some(stored) => stored,
                None => make_signing_key(app, cx).await?,
            };
            stored.open(&app.keys.sealing)
        })
        .await
}

/// Makes the first key. Of several processes that do so at once, one succeeds and all use its key.
async fn make_signing_key(app: &App, cx: &Cx) -> Result<StoredKey> {
    let made = StoredKey::first(&app.keys.sealing, app.config.algorithm, cx.now())?;
    let mut tx = app.db.write_relaxed("one insert that a unique constraint decides").await?;
    let inserted = match store::insert_signing_key(&mut tx, &made).await {
        Ok(()) => tx.commit().await,
        Err(error) => {
            drop(tx);
            Err(error)
        }
    };
    match inserted {
        Ok(()) => Ok(made),
        Err(DbError::Duplicate(_)) => {
            let theirs = store::signing_key(&mut app.db.single().await?).await?;
            theirs.ok_or_else(|| DbError::NotFound.into())
        }
        Err(error) => Err(error.into()),
    }
}
