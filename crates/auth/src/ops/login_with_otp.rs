//! Log in by a code that was sent, without a password. The code is used up whatever comes after.

use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_rpc::auth::v1::login_response::Result as Outcome;
use denizen_rpc::otp::v1::Purpose;

use super::challenging::required_channel;
use super::counting::counted;
use super::failure::{Method, failed};
use super::opening::{Proved, epoch, open_session};
use crate::App;
use crate::error::{Error, Result};
use crate::model::CodeLogin;
use crate::peers;

/// Uses up the code and opens a session.
pub(crate) async fn login_with_otp(app: &App, cx: &Cx, wanted: CodeLogin) -> Result<Outcome, Problem> {
    counted(check(app, cx, wanted).await)
}

async fn check(app: &App, cx: &Cx, wanted: CodeLogin) -> Result<Outcome> {
    if !app.config.otp_login {
        return Err(Error::CodeLoginOff);
    }
    let Some(used) = peers::consume_code(app, cx, Purpose::Login, &wanted).await? else {
        return Err(failed(app, cx, None, Method::Otp, Error::BadCode).await?);
    };
    let user_id = used.user_id;
    let epoch = epoch(app, user_id).await?;
    let Some(account) = peers::account(app, cx, user_id).await? else {
        return Err(failed(app, cx, Some(user_id), Method::Otp, Error::BadCode).await?);
    };
    // Whoever reads the person's messages has one factor, by whatever channel the code came.
    if required_channel(app, user_id).await?.is_some() {
        return Err(failed(app, cx, Some(user_id), Method::Otp, Error::CodeNotEnough).await?);
    }
    open_session(app, cx, Proved { account, epoch, method: Method::Otp, redeemed: None })
        .await
        .map(Outcome::Tokens)
}
