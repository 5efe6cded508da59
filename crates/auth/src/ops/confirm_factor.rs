//! Prove by the code that the channel is one's own: from now on it is asked for. The other sessions end, since nobody
//! proved the factor in them.

use denizen_kit::cx::Cx;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;
use denizen_rpc::otp::v1::Purpose;

use super::ending::{All, end_all};
use super::failure::{Method, failed};
use super::permit::permit;
use crate::App;
use crate::error::{Error, Result};
use crate::events::FactorEnabled;
use crate::model::{CodeLogin, Pending, RecoveryCode, with_method};
use crate::{peers, store};

/// Uses the code up, puts the channel into force and gives recovery codes, which are shown this once.
pub(crate) async fn confirm_factor(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    code: String,
) -> Result<Vec<RecoveryCode>> {
    permit(app, cx, cx.require_self(user_id)).await?;
    let session_id = cx.require_person()?.session_id.ok_or(Error::SessionEnded)?;
    let factor = store::factor(&mut app.db.single().await?, user_id).await?;
    let Some(pending) = factor.open_pending(cx.now()) else {
        return Err(failed(app, cx, Some(user_id), Method::SecondFactor, Error::BadCode).await?);
    };
    let proof = CodeLogin { otp_id: pending.otp_id.to_string(), code };
    let used = peers::consume_code(app, cx, Purpose::SecondFactor, &proof).await?;
    if used.is_none_or(|used| used.user_id != user_id) {
        return Err(failed(app, cx, Some(user_id), Method::SecondFactor, Error::BadCode).await?);
    }
    let codes = RecoveryCode::draw(cx);
    let digests: Vec<_> = codes.iter().map(|code| code.digest(&app.keys.recovery, user_id)).collect();
    let whose = Whose { user_id, session_id };
    let enable = || async { Ok::<(), Problem>(enable(app, cx, &whose, &pending, &digests).await?) };
    app.db.run(cx, enable).await?;
    app.feed.ring();
    Ok(codes)
}

/// Whose factor it is, and the session that lives on.
struct Whose {
    user_id: UserId,
    session_id: SessionId,
}

async fn enable(app: &App, cx: &Cx, whose: &Whose, pending: &Pending, digests: &[Vec<u8>]) -> Result<()> {
    let Whose { user_id, session_id } = *whose;
    let mut tx = app.db.write().await?;
    if !store::enable(&mut tx, user_id, pending.otp_id, cx.now()).await? {
        return Err(Error::BadCode);
    }
    store::put_recovery_codes(&mut tx, user_id, digests).await?;
    store::raise_epoch(&mut tx, user_id).await?;
    store::end_challenges(&mut tx, user_id).await?;
    let all = All { user_id, except: Some(session_id), reason: "second_factor_enabled" };
    end_all(app, cx, &mut tx, &all).await?;
    let session = store::session(&mut tx, session_id).await?.ok_or(Error::SessionEnded)?;
    let amr = with_method(&with_method(&session.amr, "otp"), "mfa");
    if !store::step_up(&mut tx, session_id, user_id, cx.now(), &amr).await? {
        return Err(Error::SessionEnded);
    }
    tx.emit(cx, FactorEnabled { user_id, channel: pending.channel.as_str() });
    tx.commit().await?;
    Ok(())
}
