//! Say whether an access token is good now: genuine, not expired, and of a live session.

use denizen_kit::cx::Cx;

use super::get_jwks::verifying_keys;
use super::permit::permit;
use crate::App;
use crate::error::{Error, Result};
use crate::model::{Claims, verify};
use crate::store;

/// Roles whose holders may ask about the tokens of others.
const ASKING: [&str; 2] = ["service", "admin"];

/// The claims of a token that is good; none for any other.
///
/// One's own is its own proof: who shows it and comes with no other token could as well come with it. Another's is for
/// services, and a refusal is recorded.
pub(crate) async fn validate_token(app: &App, cx: &Cx, token: &str) -> Result<Option<Claims>> {
    let keys = verifying_keys(app, cx).await?;
    let Some(claims) = verify(token, &keys, &app.config.issuer, cx.now()) else { return Ok(None) };

    if !may_ask(cx, &claims) {
        permit(app, cx, Err(Error::ForeignToken.into())).await?;
    }
    Ok(is_live(app, cx, &claims).await?.then_some(claims))
}

/// Whether the session is live, or for a service account the secret that stands for it.
async fn is_live(app: &App, cx: &Cx, claims: &Claims) -> Result<bool> {
    if let Some(session) = store::session(&mut app.db.single().await?, claims.sid).await? {
        return Ok(session.user_id == claims.sub && session.is_live(cx.now()));
    }
    let secret = store::secret(&mut app.db.single().await?, claims.sid).await?;
    Ok(secret.is_some_and(|secret| secret.account_id == claims.sub))
}

fn may_ask(cx: &Cx, claims: &Claims) -> bool {
    let Some(person) = cx.person() else { return true };
    person.user_id == claims.sub || person.roles.iter().any(|role| ASKING.contains(&role.as_str()))
}
