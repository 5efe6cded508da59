//! Log in by identifier and password. Does not tell an unknown account from a wrong password, in words or in time.

use std::time::Instant;

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::auth::v1::login_response::Result as Outcome;

use super::challenging::{Awaited, challenge, required_channel};
use super::counting::counted;
use super::failure::{Method, failed};
use super::opening::{Proved, epoch, open_session};
use crate::App;
use crate::error::{Error, Result};
use crate::model::PasswordLogin;
use crate::peers;

/// Checks the password and opens a session, or asks for the second factor.
pub(crate) async fn login(app: &App, cx: &Cx, wanted: PasswordLogin) -> Result<Outcome, Problem> {
    counted(check(app, cx, wanted).await)
}

async fn check(app: &App, cx: &Cx, wanted: PasswordLogin) -> Result<Outcome> {
    app.crowd.admit(Instant::now())?;
    let found = peers::lookup(app, cx, wanted.by).await?;
    let user_id = found.account.as_ref().map(|account| account.id);
    let epoch = epoch(app, user_id.unwrap_or_else(UserId::nil)).await?;

    let valid = peers::is_password(app, cx, user_id, found.identifier_key, wanted.password).await;
    let valid = valid.inspect_err(|error| app.crowd.note(error, Instant::now()))?;
    let Some(account) = found.account.filter(|_| valid) else {
        return Err(failed(app, cx, user_id, Method::Password, Error::BadCredentials).await?);
    };
    if let Some(channel) = required_channel(app, account.id).await? {
        return challenge(app, cx, Awaited { account, epoch, channel }).await.map(Outcome::Challenge);
    }
    let proved = Proved { account, epoch, method: Method::Password, redeemed: None };
    open_session(app, cx, proved).await.map(Outcome::Tokens)
}
