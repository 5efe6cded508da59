//! The guard around one try of a password: counted before it is evaluated, taken back when it was right.

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::{Timestamp, after, elapsed};

use super::sources::Sources;
use crate::App;
use crate::error::{Error, Result};
use crate::events::PasswordClosed;
use crate::hash::Bill;
use crate::model::{ACCOUNT_LIMIT, DAY, DAY_LIMIT, GuardName, Password, delay, source_name};
use crate::pool::Ticket;
use crate::store;
use crate::store::guard::Counters;

/// A try of a password.
pub(super) struct Try<'a> {
    /// Whose password; none for an unknown account.
    pub(super) user_id: Option<UserId>,
    /// Under which name it is counted.
    pub(super) name: GuardName,
    /// Where it comes from.
    pub(super) source: &'a str,
    pub(super) password: &'a Password,
}

/// Evaluates a try: the person's hash when it is right, none when it is wrong, 429 when it must wait. A wrong
/// one costs the same, whoever's it is.
pub(super) async fn attempt(
    app: &App,
    cx: &Cx,
    ticket: &Ticket,
    attempt: &Try<'_>,
) -> Result<Option<String>> {
    let source = source_name(attempt.source);
    let counters = Counters {
        pair: app.keys.guard_pair(&attempt.name, &source),
        day: app.keys.guard_day(&attempt.name),
        account: app.keys.guard_account(attempt.user_id, &attempt.name),
        user_id: attempt.user_id,
    };
    let closes = reserve(app, cx, &counters).await?;
    match evaluate(app, cx, ticket, attempt).await {
        Ok(Some(hash)) => {
            settle(app, cx, &counters, true).await?;
            Ok(Some(hash))
        }
        Ok(None) => {
            let closed = attempt.user_id.zip(closes);
            let closed =
                closed.map(|(user_id, (failures, until))| PasswordClosed { user_id, failures, until });
            fail(app, cx, &Sources::of(app, attempt.source), closed.as_ref()).await?;
            Ok(None)
        }
        Err(error) => {
            // The try was not evaluated: our trouble must not become the owner's lock.
            if let Err(problem) = settle(app, cx, &counters, false).await {
                tracing::warn!(%problem, "a try that was not evaluated stays counted");
            }
            Err(error)
        }
    }
}

async fn evaluate(app: &App, cx: &Cx, ticket: &Ticket, attempt: &Try<'_>) -> Result<Option<String>> {
    // Nobody's hash is looked for too: an unknown account takes the same steps.
    let user_id = attempt.user_id.unwrap_or_else(UserId::nil);
    let (hash, costliest) = store::hash_and_costliest(&mut app.db.single().await?, user_id).await?;
    let costliest = if app.config.hide_imports { costliest } else { Vec::new() };
    let bill = Bill::new(&app.config.hash, &costliest);
    let right = ticket.verify(cx.call().deadline, attempt.password, (hash.as_deref(), bill)).await?;
    Ok(hash.filter(|_| right))
}

/// So many failures, and until when they close a name or an account.
type Closing = (i64, Timestamp);

/// Counts the try as a failure, or says how long to wait. What this failure, if it is one, closes.
async fn reserve(app: &App, cx: &Cx, counters: &Counters) -> Result<Option<Closing>> {
    let reserved = app.db.run(cx, || async {
        let mut tx = app.db.write_relaxed("each step is one conditional statement on one row").await?;
        let closes = count(cx, &mut tx, counters).await?;
        tx.commit().await?;
        Ok(closes)
    });
    Ok(reserved.await?)
}

async fn count(cx: &Cx, tx: &mut Tx, counters: &Counters) -> Result<Option<Closing>> {
    let now = cx.now();
    let Some(failures) = store::guard::count_pair(tx, counters, now).await? else {
        let until = store::guard::pair_lock(tx, counters).await?;
        return Err(Error::TooManyAttempts(elapsed(now, until.unwrap_or(now))));
    };
    if let Some(wait) = delay(failures) {
        store::guard::lock_pair(tx, counters, after(now, wait)).await?;
    }
    let mut closing = None;
    for (key, limit) in [(&counters.day, DAY_LIMIT), (&counters.account, ACCOUNT_LIMIT)] {
        let Some(failures) = store::guard::count_day(tx, (key, counters.user_id), now).await? else {
            let until = store::guard::day_closed(tx, key).await?;
            return Err(Error::TooManyAttempts(elapsed(now, until.unwrap_or(now))));
        };
        if failures >= limit {
            let until = after(now, DAY);
            store::guard::close_day(tx, key, until).await?;
            closing = Some((limit, until));
        }
    }
    Ok(closing)
}

/// Counts a failure with its source, and says so if the person's password is off for a day.
async fn fail(app: &App, cx: &Cx, sources: &Sources, closed: Option<&PasswordClosed>) -> Result<()> {
    if sources.is_empty() && closed.is_none() {
        return Ok(());
    }
    let failed = app.db.run(cx, || async {
        let mut tx = app.db.write_relaxed("each step is one conditional statement on one row").await?;
        let has_blocked = sources.count(app, cx, &mut tx).await?;
        if let Some(closed) = closed {
            tx.emit(cx, PasswordClosed { ..*closed });
        }
        tx.commit().await?;
        Ok(has_blocked)
    });
    if failed.await? {
        app.blocks_bell.ring();
    }
    Ok(())
}

/// Takes a counted try back: it was right, or it was not evaluated.
async fn settle(app: &App, cx: &Cx, counters: &Counters, right: bool) -> Result<(), Problem> {
    let settled = app.db.run(cx, || async {
        let mut tx = app.db.write_relaxed("each step is one conditional statement on one row").await?;
        if right {
            store::guard::succeed(&mut tx, counters).await?;
        } else {
            store::guard::take_back(&mut tx, counters).await?;
        }
        tx.commit().await?;
        Ok(())
    });
    settled.await
}
