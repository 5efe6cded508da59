//! Prove oneself again within a session: an access token with a fresh `auth_time`. The refresh token stays.

use denizen_kit::cx::Cx;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;
use denizen_rpc::auth::v1::Tokens;
use denizen_rpc::otp::v1::Purpose;

use super::failure::{Method, failed};
use super::opening::epoch;
use super::signing::access_token;
use crate::App;
use crate::error::{Error, Result};
use crate::events::SessionSteppedUp;
use crate::model::{Session, StepUpProof, with_method};
use crate::peers;
use crate::store;

/// Checks the proof and notes it in the caller's session.
pub(crate) async fn step_up(app: &App, cx: &Cx, proof: StepUpProof) -> Result<Tokens> {
    let person = cx.require_person()?;
    let user_id = person.user_id;
    let session_id = person.session_id.ok_or(Error::SessionEnded)?;
    let epoch = epoch(app, user_id).await?;

    let method = match check(app, cx, user_id, proof).await? {
        Ok(method) => method,
        Err(error) => return Err(failed(app, cx, Some(user_id), Method::StepUp, error).await?),
    };
    let account = peers::account(app, cx, user_id).await?.ok_or(Error::SessionEnded)?;
    if let Err(error) = account.require_active() {
        return Err(failed(app, cx, Some(user_id), Method::StepUp, error).await?);
    }
    let whose = Whose { user_id, session_id, epoch };
    let session =
        app.db.run(cx, || async { note(app, cx, &whose, method).await.map_err(Problem::from) }).await?;
    access_token(app, cx, &session, account.user).await
}

/// By what the person has proved who they are (RFC 8176), or why they have not.
async fn check(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    proof: StepUpProof,
) -> Result<std::result::Result<&'static str, Error>> {
    match proof {
        StepUpProof::Password(password) => {
            let valid = peers::is_password(app, cx, Some(user_id), Vec::new(), password).await?;
            Ok(if valid { Ok("pwd") } else { Err(Error::BadCredentials) })
        }
        StepUpProof::Code(code) => {
            let owner = peers::consume_code(app, cx, Purpose::SensitiveChange, &code).await?;
            Ok(if owner == Some(user_id) { Ok("otp") } else { Err(Error::BadCode) })
        }
    }
}

/// Whose session it is, and how often all of theirs had been ended before the proof was checked.
struct Whose {
    user_id: UserId,
    session_id: SessionId,
    epoch: i64,
}

/// Notes the proof in the session, which must be live.
async fn note(app: &App, cx: &Cx, whose: &Whose, method: &str) -> Result<Session> {
    let now = cx.now();
    let (user_id, session_id) = (whose.user_id, whose.session_id);
    let mut tx = app.db.write().await?;
    if store::epoch(&mut tx, user_id).await? != whose.epoch {
        return Err(Error::Overtaken);
    }
    let session = store::session(&mut tx, session_id).await?.ok_or(Error::SessionEnded)?;
    let amr = with_method(&session.amr, method);
    if !store::step_up(&mut tx, session_id, user_id, now, &amr).await? {
        return Err(Error::SessionEnded);
    }
    tx.emit(cx, SessionSteppedUp { user_id, session_id, amr: amr.clone() });
    tx.commit().await?;
    Ok(Session { amr, auth_time: now, ..session })
}
