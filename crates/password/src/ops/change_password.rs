//! Change one's own password: needs the present one; the other sessions end.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::account::{context_of, end_latecomers, end_sessions};
use super::guard::{Try, attempt};
use super::policy;
use crate::App;
use crate::error::{Error, Result};
use crate::events::PasswordChanged;
use crate::hash::Hashed;
use crate::model::{GuardName, Password};
use crate::store;

const METHOD: &str = "password.ChangePassword";
const POINTER: &str = "/new_password";

pub(crate) async fn change_password(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    current: &str,
    new: &str,
) -> Result<()> {
    // Within `run`, so that a refusal is recorded.
    app.db.run(cx, || async { cx.require_self(user_id) }).await?;
    if let Some(done) = app.db.kept(cx, METHOD).await? {
        return Ok(done);
    }
    match change(app, cx, user_id, (current, new)).await {
        // The same request, sent twice at once, may have won meanwhile.
        Err(error) => app.db.kept(cx, METHOD).await?.ok_or(error),
        done => done,
    }
}

async fn change(app: &App, cx: &Cx, user_id: UserId, (current, new): (&str, &str)) -> Result<()> {
    let new = Password::read(new).map_err(|fault| Error::Weak(POINTER, fault))?;
    let current = Password::read(current).map_err(|_| Error::WrongPassword)?;
    let ticket = app.pool.enter()?;
    let context = context_of(app, cx, user_id).await?.ok_or(Error::NoSuchUser)?;
    policy::require(app, cx, &ticket, &new, (POINTER, context)).await?;

    let source = cx.call().ip.map(|ip| ip.to_string()).unwrap_or_default();
    let name = GuardName::User(user_id.uuid());
    let this = Try { user_id: Some(user_id), name, source: &source, password: &current };
    let old = attempt(app, cx, &ticket, &this).await?.ok_or(Error::WrongPassword)?;
    policy::require_new(app, cx, &ticket, user_id, &new).await?;
    let hash = ticket.hash(cx.call().deadline, &new, cx.random()).await?;
    drop(ticket);

    let here = cx.person().and_then(|person| person.session_id).map(|id| id.to_string());
    let here = here.unwrap_or_default();
    end_sessions(app, cx, user_id, here.clone(), "password_changed").await?;
    let write = || async { Ok(write(app, cx, user_id, (&old, &hash)).await?) };
    app.db.run_once(cx, METHOD, write).await?;
    end_latecomers(app, cx, user_id, here, "password_changed").await;
    Ok(())
}

async fn write(app: &App, cx: &Cx, user_id: UserId, (old, new): (&str, &Hashed)) -> Result<()> {
    let mut tx = app.db.write().await?;
    if !store::replace(&mut tx, user_id, (old, new), cx.now()).await? {
        return Err(Error::ChangedMeanwhile);
    }
    store::confirm(&mut tx, user_id, cx.now()).await?;
    store::keep_old(&mut tx, cx, user_id, old, app.config.history.saturating_sub(1)).await?;
    store::reset::end_of_user(&mut tx, user_id, cx.now()).await?;
    tx.emit(cx, PasswordChanged { user_id });
    tx.commit().await?;
    Ok(())
}
