//! The second half of an import: its rows are written when those before them are, all in one transaction with the note
//! of how far the import has come.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use denizen_db::{Args, Tx};
use denizen_kit::cx::Cx;
use denizen_kit::problem::{Code, Problem};
use tokio::time::{Instant, timeout};

use super::import_users::{Batch, Imported, Outcome, Row, accounts};
use crate::App;
use crate::error::Result;
use crate::events::UsersImported;
use crate::model::User;
use crate::store::imports::{self, Progress};
use crate::turns::Part;

/// How long the rows before are waited for when they are not in this process: another may be at them.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether another process has written them.
const LOOK: Duration = Duration::from_millis(50);

/// Rows that are ready, with the values of their accounts' rows in the same order.
pub(super) struct Ready {
    pub(super) rows: Vec<Row>,
    pub(super) values: Vec<Args>,
}

/// Writes the rows when it is their turn.
pub(super) async fn write_in_turn(
    app: &App,
    cx: &Cx,
    (batch, part): (&Batch, &Part<'_>),
    done: i64,
    ready: &Ready,
) -> Result<Imported> {
    let since = Instant::now();
    let mut done = done;
    let mut is_next = done + 1 >= batch.first_row || part.is_next();
    loop {
        let moved = part.moved();
        if is_next {
            let write = || async { Ok(write(app, cx, (batch, part), ready).await?) };
            if let Some(imported) = app.db.run(cx, write).await? {
                return Ok(imported);
            }
        } else if since.elapsed() > PATIENCE && !part.has_earlier() {
            return Err(out_of_order(done).into());
        }
        // The outcome does not matter: what counts is how far the import is.
        let _ = timeout(LOOK, moved).await;
        let progress = imports::progress(&mut app.db.single().await?, &batch.import_id).await?;
        done = progress.map_or(0, |progress| progress.rows);
        // Where rows before asked and were not written, asking again would not help.
        let asked_in_vain = std::mem::replace(&mut is_next, false);
        is_next = done + 1 >= batch.first_row || (!asked_in_vain && part.is_next());
    }
}

fn out_of_order(done: i64) -> Problem {
    let next = done + 1;
    Problem::invalid("/first_row", "out_of_order", format!("this import goes on at row {next}"))
}

/// Opens the transaction, and lets the next part ask once this one stands in the row of those that write.
async fn open(app: &App, batch: &Batch, part: &Part<'_>) -> Result<Tx> {
    let mut opening = pin!(app.db.write());
    let opened = futures::poll!(opening.as_mut());
    part.asked(batch.last_row());
    match opened {
        Poll::Ready(tx) => Ok(tx?),
        Poll::Pending => Ok(opening.await?),
    }
}

/// Writes the accounts, how far the import has come, and what happened; none when rows before are missing: a gap would
/// never be filled.
async fn write(
    app: &App,
    cx: &Cx,
    (batch, part): (&Batch, &Part<'_>),
    ready: &Ready,
) -> Result<Option<Imported>> {
    let mut tx = open(app, batch, part).await?;
    let before = imports::progress(&mut tx, &batch.import_id).await?;
    let done = before.as_ref().map_or(0, |progress| progress.rows);
    if batch.first_row > done + 1 {
        return Ok(None);
    }
    let outcomes = insert(app, &mut tx, ready, done).await?;
    let progress = advanced(before, cx, batch.last_row(), &outcomes);
    imports::save_progress(&mut tx, &batch.import_id, &progress).await?;
    let event = event(batch, ready, &outcomes);
    if !event.user_ids.is_empty() {
        tx.emit(cx, event);
    }
    tx.commit().await?;
    let old = (batch.first_row..=done.min(batch.last_row())).map(|row| (row, Outcome::DoneBefore));
    Ok(Some(Imported { rows: old.chain(outcomes).collect(), progress }))
}

/// Inserts the accounts of the rows that are not done; what became of each of these rows.
async fn insert(app: &App, tx: &mut Tx, ready: &Ready, done: i64) -> Result<Vec<(i64, Outcome)>> {
    let first = ready.rows.partition_point(|(row, _)| *row <= done);
    let (old, fresh) = ready.rows.split_at(first);
    let users: Vec<&User> = accounts(fresh).map(|account| &account.user).collect();
    let created = imports::insert_free(tx, &users, &ready.values[accounts(old).count()..]).await?;
    let mut created = created.into_iter();
    let mut outcomes = Vec::with_capacity(fresh.len());
    for (row, read) in fresh {
        let outcome = match read {
            Err(outcome) => outcome.clone(),
            Ok(account) if created.next() == Some(true) => Outcome::Created(account.user.id),
            Ok(account) => {
                let taken = imports::taken(tx, &account.user, &app.keys).await?;
                let (pointer, code) = taken.unwrap_or(("", Code::Conflict));
                Outcome::Conflict(pointer, code)
            }
        };
        outcomes.push((*row, outcome));
    }
    Ok(outcomes)
}

fn event(batch: &Batch, ready: &Ready, outcomes: &[(i64, Outcome)]) -> UsersImported {
    let mut event = UsersImported::of(&batch.import_id);
    let fresh = &ready.rows[ready.rows.len() - outcomes.len()..];
    for ((_, read), (_, outcome)) in fresh.iter().zip(outcomes) {
        if let (Ok(account), Outcome::Created(_)) = (read, outcome) {
            event.add(&account.user);
        }
    }
    event
}

/// How far the import has come after these rows.
pub(super) fn advanced(before: Option<Progress>, cx: &Cx, last: i64, rows: &[(i64, Outcome)]) -> Progress {
    let now = cx.now();
    let before = before.unwrap_or(Progress {
        rows: 0,
        created: 0,
        conflicts: 0,
        invalid: 0,
        started_at: now,
        updated_at: now,
    });
    let number = |wanted: fn(&Outcome) -> bool| {
        i64::try_from(rows.iter().filter(|(_, outcome)| wanted(outcome)).count()).unwrap_or(i64::MAX)
    };
    Progress {
        rows: before.rows.max(last),
        created: before.created + number(|outcome| matches!(outcome, Outcome::Created(_))),
        conflicts: before.conflicts + number(|outcome| matches!(outcome, Outcome::Conflict(..))),
        invalid: before.invalid + number(|outcome| matches!(outcome, Outcome::Invalid(_))),
        started_at: before.started_at,
        updated_at: now,
    }
}
