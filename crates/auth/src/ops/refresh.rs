//! A new pair of tokens for a refresh token. Twenty tries at once with one token have one successor; a token that was
//! used long ago ends its session.

use denizen_kit::cx::Cx;
use denizen_kit::network::tie;
use denizen_kit::problem::Problem;
use denizen_kit::seal::same_secret;
use denizen_rpc::auth::v1::Tokens;

use super::ending::end_now;
use super::failure::{Method, failed};
use super::opening::end_reason;
use super::signing::both_tokens;
use crate::App;
use crate::error::{Error, Result};
use crate::model::{RefreshToken, Renewal, Session};
use crate::peers::{self, Account};
use crate::store;

/// Checks the token, then the account, then begins the session's next generation.
pub(crate) async fn refresh(app: &App, cx: &Cx, text: &str) -> Result<Tokens> {
    if text.is_empty() {
        return Err(Problem::invalid("/refresh_token", "required", "send the refresh token").into());
    }
    let token = RefreshToken::parse(text).ok_or(Error::BadRefreshToken)?;
    let session = store::session(&mut app.db.single().await?, token.session_id).await?;
    let session = session.ok_or(Error::BadRefreshToken)?;
    if !token.is_genuine(&app.keys.refresh, &session.nonce) {
        return Err(Error::BadRefreshToken);
    }
    require_renewable(app, cx, &session, &token).await?;
    if !is_in_place(app, cx, &session) {
        return Err(failed(app, cx, Some(session.user_id), Method::Refresh, Error::OtherNetwork).await?);
    }

    let account = peers::account(app, cx, session.user_id).await?;
    let state = account.as_ref().map_or(Err(Error::BadRefreshToken), Account::require_active);
    let user = match (account, state) {
        (Some(account), Ok(())) => account.user,
        (_, Ok(())) => return Err(Error::BadRefreshToken),
        (_, Err(error)) => {
            end_now(app, cx, session.id, end_reason(&error)).await?;
            return Err(error);
        }
    };
    let session = advance(app, cx, session, &token).await?;
    both_tokens(app, cx, &session, user).await
}

/// Whether the call comes from the network to which the session is bound, if it is.
fn is_in_place(app: &App, cx: &Cx, session: &Session) -> bool {
    let Some(bound) = &session.tie else { return true };
    let here = cx.call().ip.map(|ip| tie(&app.keys.networks, session.id, ip));
    here.is_some_and(|here| same_secret(bound, &here))
}

/// What is to be done with a genuine token of this session; a token that was used long ago ends it here.
async fn require_renewable(app: &App, cx: &Cx, session: &Session, token: &RefreshToken) -> Result<Renewal> {
    if !session.is_live(cx.now()) {
        return Err(Error::BadRefreshToken);
    }
    let renewal = session.renewal(token.generation, cx.now(), app.config.refresh_grace);
    if renewal == Renewal::Reuse {
        end_now(app, cx, session.id, "refresh_reuse").await?;
        return Err(Error::BadRefreshToken);
    }
    Ok(renewal)
}

/// The session whose present generation the client shall have: the next one, or the one that another try with the
/// same token has just begun.
async fn advance(app: &App, cx: &Cx, session: Session, token: &RefreshToken) -> Result<Session> {
    if require_renewable(app, cx, &session, token).await? == Renewal::Replay {
        return Ok(session);
    }
    let next = session.clone().rotated(cx.now(), &app.config);
    let overtaken =
        app.db.run(cx, || async { rotate(app, &session, &next).await.map_err(Problem::from) }).await?;
    let Some(present) = overtaken else { return Ok(next) };

    match require_renewable(app, cx, &present, token).await? {
        Renewal::Replay => Ok(present),
        Renewal::Rotate | Renewal::Reuse => Err(Error::BadRefreshToken),
    }
}

/// Begins the next generation; if it is not this call that does, gives the session as it is now.
async fn rotate(app: &App, session: &Session, next: &Session) -> Result<Option<Session>> {
    let reason = "one conditional statement on one row decides which of several refreshes is the first";
    let mut tx = app.db.write_relaxed(reason).await?;
    let (id, generation) = (session.id, session.generation);
    if store::rotate(&mut tx, id, generation, next.rotated_at, next.expires_at).await? {
        tx.commit().await?;
        return Ok(None);
    }
    let present = store::session(&mut tx, id).await?;
    present.map(Some).ok_or(Error::BadRefreshToken)
}
