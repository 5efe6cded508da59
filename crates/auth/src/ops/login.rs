//! Log in by identifier and password. Does not tell an unknown account from a wrong password, in words or in time.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::auth::v1::Tokens;

use super::failure::{Method, failed};
use super::opening::{Proved, epoch, open_session};
use crate::App;
use crate::error::{Error, Result};
use crate::model::PasswordLogin;
use crate::peers;

/// Checks the password and opens a session.
pub(crate) async fn login(app: &App, cx: &Cx, wanted: PasswordLogin) -> Result<Tokens> {
    let found = peers::lookup(app, cx, wanted.by).await?;
    let user_id = found.account.as_ref().map(|account| account.id);
    let epoch = epoch(app, user_id.unwrap_or_else(UserId::nil)).await?;

    let valid = peers::is_password(app, cx, user_id, found.identifier_key, wanted.password).await?;
    let Some(account) = found.account.filter(|_| valid) else {
        return Err(failed(app, cx, user_id, Method::Password, Error::BadCredentials).await?);
    };
    open_session(app, cx, Proved { account, epoch, method: Method::Password }).await
}
