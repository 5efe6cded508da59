//! Send the code of an open challenge again. The one before ends; the tries stay counted.

use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::time::{after, elapsed};
use denizen_rpc::auth::v1 as p;

use super::challenging::{held, required_channel, send_code, shown};
use super::opening::epoch;
use crate::App;
use crate::error::{Error, Result};
use crate::model::{Challenge, Channel, RESEND_COOLDOWN};
use crate::{peers, store};

/// Lets a new code be sent, for whoever holds the challenge.
pub(crate) async fn resend_challenge(app: &App, cx: &Cx, token: &str) -> Result<p::Challenge> {
    let challenge = held(app, token).await?.filter(|challenge| challenge.expires_at > cx.now());
    let challenge = challenge.ok_or(Error::BadChallenge)?;
    let user_id = challenge.user_id;
    let channel = required_channel(app, user_id).await?.ok_or(Error::BadChallenge)?;
    let account = peers::account(app, cx, user_id).await?.ok_or(Error::BadChallenge)?;
    account.require_active()?;
    if epoch(app, user_id).await? != challenge.epoch {
        return Err(Error::BadChallenge);
    }
    let write = || async { Ok::<bool, Problem>(renew(app, cx, &challenge, channel).await?) };
    if app.db.run(cx, write).await? {
        return Ok(shown(app, &challenge, channel));
    }
    // Somebody else may have had it sent just now.
    let present = held(app, token).await?.ok_or(Error::BadChallenge)?;
    let wait = elapsed(cx.now(), after(present.sent_at, RESEND_COOLDOWN));
    Err(Error::TooSoon(wait))
}

async fn renew(app: &App, cx: &Cx, challenge: &Challenge, channel: Channel) -> Result<bool> {
    let otp_id = cx.id();
    let mut tx = app.db.write().await?;
    if !store::resend(&mut tx, challenge, otp_id, cx.now()).await? {
        return Ok(false);
    }
    send_code(cx, &mut tx, (challenge.user_id, channel), otp_id, challenge.expires_at);
    tx.commit().await?;
    Ok(true)
}
