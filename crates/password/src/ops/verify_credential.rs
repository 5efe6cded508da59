//! Verify a password for another service: guarded, and at the same cost for everybody. It does not judge the account.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};

use super::guard::{Try, attempt};
use crate::App;
use crate::error::{Error, Result};
use crate::model::{GuardName, Password};
use crate::pool::Ticket;
use crate::store;

/// What somebody tried.
pub(crate) struct Tried {
    /// None for an unknown account.
    pub(crate) user_id: Option<UserId>,
    pub(crate) password: String,
    /// Empty for a person who is logged in.
    pub(crate) identifier_key: Vec<u8>,
    pub(crate) source: String,
}

pub(crate) async fn verify_credential(app: &App, cx: &Cx, tried: &Tried) -> Result<bool> {
    cx.require_service(&[Role::Auth, Role::Users, Role::Password])?;
    // What is beyond the limits is nobody's password: no try is counted and nothing is hashed.
    let Ok(password) = Password::read(&tried.password) else { return Ok(false) };
    let name = match (tried.identifier_key.is_empty(), tried.user_id) {
        (false, _) => GuardName::Identifier(tried.identifier_key.clone()),
        (true, Some(user_id)) => GuardName::User(user_id.uuid()),
        (true, None) => return Err(Problem::malformed("user_id or identifier_key is needed").into()),
    };
    let ticket = app.pool.enter()?;
    let this = Try { user_id: tried.user_id, name, source: &tried.source, password: &password };
    let verified = attempt(app, cx, &ticket, &this).await;
    metrics::counter!("denizen_password_verified_total", "result" => result(&verified)).increment(1);
    let (Some(hash), Some(user_id)) = (verified?, tried.user_id) else { return Ok(false) };
    if app.pool.is_outdated(&hash) {
        rehash(app, cx, &ticket, (user_id, &hash, &password)).await;
    }
    Ok(true)
}

/// Replaces a hash made in another way. The login does not depend on it: the next one tries again.
async fn rehash(app: &App, cx: &Cx, ticket: &Ticket, (user_id, old, password): (UserId, &str, &Password)) {
    let new = match ticket.hash(cx.call().deadline, password, cx.random()).await {
        Ok(new) => new,
        Err(error) => {
            return tracing::warn!(%error, "a password was not hashed anew; the next login tries again");
        }
    };
    let write = || async {
        let mut tx = app.db.write().await?;
        store::rehash(&mut tx, user_id, old, &new).await?;
        tx.commit().await?;
        Ok(())
    };
    if let Err(problem) = app.db.run(cx, write).await {
        tracing::warn!(%problem, "a password was not hashed anew; the next login tries again");
    }
}

const fn result(verified: &Result<Option<String>>) -> &'static str {
    match verified {
        Ok(Some(_)) => "valid",
        Ok(None) => "invalid",
        Err(Error::Problem(problem)) if matches!(problem.code, Code::TooManyAttempts) => "refused",
        Err(_) => "failed",
    }
}
