//! Say whether an access token is good now: genuine, not expired, and of a live session.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;

use super::get_jwks::public_keys;
use crate::App;
use crate::error::{Error, Result};
use crate::model::{Claims, verify};
use crate::store;

/// Roles whose holders may ask about the tokens of others.
const ASKING: [&str; 2] = ["service", "admin"];

/// The claims of a token that is good; none for any other. One's own, or another's as a service.
pub(crate) async fn validate_token(app: &App, cx: &Cx, token: &str) -> Result<Option<Claims>> {
    let is_operator = cx.caller().service == Role::Operator;
    if !is_operator {
        cx.require_person()?;
    }
    let keys = public_keys(app, cx).await?;
    let Some(claims) = verify(token, &keys, &app.config.issuer, cx.now()) else { return Ok(None) };

    let asks_for_others =
        cx.person().is_some_and(|person| person.roles.iter().any(|role| ASKING.contains(&role.as_str())));
    if !(is_operator || asks_for_others || cx.is_self(claims.sub)) {
        return Err(Error::ForeignToken);
    }
    let session = store::session(&mut app.db.single().await?, claims.sid).await?;
    let is_live = session.is_some_and(|session| session.user_id == claims.sub && session.is_live(cx.now()));
    Ok(is_live.then_some(claims))
}
