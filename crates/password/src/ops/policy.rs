//! The policy applied: pure rules in a slot of the pool, old passwords by their hashes.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use crate::App;
use crate::error::{Error, Result};
use crate::model::{Fault, Password, Rating};
use crate::pool::Ticket;
use crate::store;

/// Rates a password.
pub(super) async fn check(
    app: &App,
    cx: &Cx,
    ticket: &Ticket,
    password: &Password,
    context: Vec<String>,
) -> Result<(Rating, Vec<Fault>)> {
    let (policy, password) = (app.policy.clone(), password.clone());
    ticket.run(cx.call().deadline, move |_| policy.check(&password, &context)).await
}

/// Refuses a password that the policy does not take, for the most telling reason.
pub(super) async fn require(
    app: &App,
    cx: &Cx,
    ticket: &Ticket,
    password: &Password,
    (pointer, context): (&'static str, Vec<String>),
) -> Result<()> {
    let (_, faults) = check(app, cx, ticket, password, context).await?;
    match faults.into_iter().next() {
        Some(fault) => Err(Error::Weak(pointer, fault)),
        None => Ok(()),
    }
}

/// Refuses one of the person's last passwords, the present one included.
pub(super) async fn require_new(
    app: &App,
    cx: &Cx,
    ticket: &Ticket,
    user_id: UserId,
    password: &Password,
) -> Result<()> {
    let most = app.config.history;
    if most == 0 {
        return Ok(());
    }
    let mut tx = app.db.read().await?;
    let present = store::hash(&mut tx, user_id).await?;
    let old = store::old_hashes(&mut tx, user_id, most - 1).await?;
    drop(tx);
    for hash in present.into_iter().chain(old) {
        if ticket.compare(cx.call().deadline, password, &hash).await? {
            return Err(Error::Weak("/new_password", Fault::Reused(most)));
        }
    }
    Ok(())
}
