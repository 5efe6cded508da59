//! Begin to set up one's own second factor, or to move it to another channel: a code is sent there. What is in force
//! stays so until the code is confirmed.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::{after, elapsed};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::decode;

use super::permit::permit;
use super::proving::prove;
use crate::App;
use crate::error::{Error, Result};
use crate::events::FactorCodeDue;
use crate::model::{Channel, Pending, RESEND_COOLDOWN};
use crate::{peers, store};

/// Name under which the reply is kept.
const METHOD: &str = "auth.PutFactor";

/// Lets the channel wait for its proof. Nobody sets a second factor for somebody else.
pub(crate) async fn put_factor(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    channel: Channel,
    password: Option<String>,
) -> Result<p::PendingFactor> {
    permit(app, cx, cx.require_self(user_id)).await?;
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let factor = store::factor(&mut app.db.single().await?, user_id).await?;
    prove(app, cx, user_id, password, &factor).await?;
    let account = peers::account(app, cx, user_id).await?.ok_or(Error::SessionEnded)?;
    account.require_active()?;
    if channel == Channel::Sms && account.user.mobile.is_none() {
        return Err(Error::NoMobile);
    }
    let write = || async { Ok::<p::PendingFactor, Problem>(begin(app, cx, user_id, channel).await?) };
    Ok(app.db.run_once(cx, METHOD, write).await?)
}

async fn begin(app: &App, cx: &Cx, user_id: UserId, channel: Channel) -> Result<p::PendingFactor> {
    let now = cx.now();
    let mut tx = app.db.write().await?;
    if let Some(before) = store::factor(&mut tx, user_id).await?.pending {
        let again = after(before.since, RESEND_COOLDOWN);
        if again > now {
            return Err(Error::TooSoon(elapsed(now, again)));
        }
    }
    let pending = Pending { channel, otp_id: cx.id(), since: now };
    store::put_pending(&mut tx, user_id, &pending).await?;
    let until = pending.until();
    let due = FactorCodeDue {
        user_id,
        otp_id: pending.otp_id.uuid(),
        channel: channel.as_str(),
        reason: "setup",
        until: until.as_second(),
    };
    tx.emit(cx, due);
    tx.commit().await?;
    Ok(p::PendingFactor { channel: channel.to_wire().into(), expires_at: Some(decode::to_wire(until)) })
}
