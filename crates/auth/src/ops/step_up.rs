//! Prove oneself again within a session: an access token with a fresh `auth_time`. The refresh token stays.

use denizen_kit::caller::Person;
use denizen_kit::cx::Cx;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1::Tokens;
use denizen_rpc::otp::v1::Purpose;

use super::challenging::required_channel;
use super::failure::{Method, failed};
use super::opening::epoch;
use super::signing::access_token;
use crate::App;
use crate::error::{Error, Result};
use crate::events::SessionSteppedUp;
use crate::model::{Session, StepUpProof, with_method};
use crate::peers::{self, Used};
use crate::store;

/// Checks the proof and notes it in the caller's session.
pub(crate) async fn step_up(app: &App, cx: &Cx, proof: StepUpProof) -> Result<Tokens> {
    let person = cx.require_person()?;
    match try_step_up(app, cx, person, proof).await {
        Err(error) if is_refusal(&error) => {
            Err(failed(app, cx, Some(person.user_id), Method::StepUp, error).await?)
        }
        outcome => outcome,
    }
}

async fn try_step_up(app: &App, cx: &Cx, person: &Person, proof: StepUpProof) -> Result<Tokens> {
    let user_id = person.user_id;
    let session_id = person.session_id.ok_or(Error::SessionEnded)?;
    let epoch = epoch(app, user_id).await?;
    let method = check(app, cx, user_id, proof).await?;
    let account = peers::account(app, cx, user_id).await?.ok_or(Error::SessionEnded)?;
    account.require_active()?;
    let whose = Whose { user_id, session_id, epoch };
    let noted =
        app.db.run(cx, || async { note(app, cx, &whose, method).await.map_err(Problem::from) }).await?;
    let session = noted.ok_or(Error::SessionEnded)?;
    access_token(app, cx, &session, account.user).await
}

/// Whether it tells of the proof or of who gave it, and not of trouble on our side.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::BadCredentials
        | Error::BadCode
        | Error::PasswordNotEnough
        | Error::SessionEnded
        | Error::Account(_) => true,
        Error::Problem(problem) => problem.code == Code::TooManyAttempts,
        _ => false,
    }
}

/// By what the person has proved who they are (RFC 8176).
async fn check(app: &App, cx: &Cx, user_id: UserId, proof: StepUpProof) -> Result<&'static str> {
    let factor = required_channel(app, user_id).await?;
    match proof {
        StepUpProof::Password(_) if factor.is_some() => Err(Error::PasswordNotEnough),
        StepUpProof::Password(password) => {
            let valid = peers::is_password(app, cx, Some(user_id), Vec::new(), password).await?;
            if valid { Ok("pwd") } else { Err(Error::BadCredentials) }
        }
        StepUpProof::Code(code) => {
            let used = peers::consume_code(app, cx, Purpose::SensitiveChange, &code).await?;
            // By another channel than that of the factor it is no proof of the factor.
            let fits = |used: &Used| used.user_id == user_id && (factor.is_none() || used.channel == factor);
            if used.as_ref().is_some_and(fits) { Ok("otp") } else { Err(Error::BadCode) }
        }
    }
}

/// Whose session it is, and how often all of theirs had been ended before the proof was checked.
struct Whose {
    user_id: UserId,
    session_id: SessionId,
    epoch: i64,
}

/// Notes the proof in the session; none when it is not live any more.
async fn note(app: &App, cx: &Cx, whose: &Whose, method: &str) -> Result<Option<Session>> {
    let now = cx.now();
    let (user_id, session_id) = (whose.user_id, whose.session_id);
    let mut tx = app.db.write().await?;
    if store::epoch(&mut tx, user_id).await? != whose.epoch {
        return Err(Error::Overtaken);
    }
    let Some(session) = store::session(&mut tx, session_id).await? else { return Ok(None) };
    let amr = with_method(&session.amr, method);
    if !store::step_up(&mut tx, session_id, user_id, now, &amr).await? {
        return Ok(None);
    }
    tx.emit(cx, SessionSteppedUp { user_id, session_id, amr: amr.clone() });
    tx.commit().await?;
    Ok(Some(Session { amr, auth_time: now, ..session }))
}
