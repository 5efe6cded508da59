//! Import users: the next rows of an import, each checked like any account, all in one transaction with the note of
//! how far the import has come. A crash before that transaction leaves credentials and keys that nobody has, which
//! their sweeps take away; after it, the same rows are known to be done.

use std::collections::HashMap;

use denizen_db::Tx;
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::Key;
use denizen_rpc::password::internal::v1::{ClaimCredentialsRequest, NewCredential, PutCredentialsRequest};
use denizen_rpc::problem_from;

use super::permit;
use super::reach::own;
use crate::App;
use crate::error::{Error, Result};
use crate::events::UsersImported;
use crate::model::User;
use crate::model::import::{Account, Fault, Fields, Format, Rules};
use crate::model::role::BUILT_IN;
use crate::store::erasures;
use crate::store::imports::{self, Progress};
use crate::store::roles;
use crate::store::{self, Sealing};

/// Most records in one call.
pub(crate) const MOST: usize = 500;

/// Rows of an import.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) import_id: String,
    /// Number of the first record, from 1.
    pub(crate) first_row: i64,
    pub(crate) format: Format,
    pub(crate) dry_run: bool,
    pub(crate) records: Vec<String>,
    pub(crate) parameters: Fields,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Created(UserId),
    DoneBefore,
    Conflict(&'static str, Code),
    Invalid(Fault),
}

/// What became of the rows of a batch, and how far the import has come with it.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    pub(crate) rows: Vec<(i64, Outcome)>,
    pub(crate) progress: Progress,
}

/// A row that was read: its account, or why there is none.
type Row = (i64, std::result::Result<Account, Outcome>);

/// Takes the rows.
pub(crate) async fn import_users(app: &App, cx: &Cx, batch: &Batch) -> Result<Imported> {
    permit(app, cx, cx.require(Permission::UsersWrite)).await?;
    let before = imports::progress(&mut app.db.single().await?, &batch.import_id).await?;
    let done = before.as_ref().map_or(0, |progress| progress.rows);
    require_next(batch, done)?;
    let roles = assignable(app, cx).await?;
    let mut rows = read(app, cx, (batch, done), &roles);
    if batch.dry_run {
        return look(app, cx, batch, rows, before).await;
    }
    refuse_known_ids(app, &mut rows).await?;
    put_credentials(app, cx, &mut rows).await?;
    let ids: Vec<UserId> = accounts(&rows).map(|account| account.user.id).collect();
    let keys = app.keys.ensure_all(cx, &ids).await?;
    let imported = app.db.run(cx, || async { Ok(write(app, cx, (batch, &rows), &keys).await?) }).await?;
    claim_credentials(app, cx, &imported).await;
    Ok(imported)
}

/// Rows must follow on those that are done: a gap would never be filled.
fn require_next(batch: &Batch, done: i64) -> Result<(), Problem> {
    if batch.dry_run || batch.first_row <= done + 1 {
        return Ok(());
    }
    let next = done + 1;
    Err(Problem::invalid("/first_row", "out_of_order", format!("this import goes on at row {next}")))
}

/// Reads the records that are not done yet.
fn read(app: &App, cx: &Cx, (batch, done): (&Batch, i64), roles: &[String]) -> Vec<Row> {
    let config = &app.config;
    let rules = Rules { region: config.default_region, strict_mobile: config.strict_mobile, roles };
    let numbered = (batch.first_row..).zip(&batch.records).filter(|(row, _)| *row > done || batch.dry_run);
    let read = |text: &String| batch.format.read(text, &batch.parameters)?.account(cx, &rules);
    numbered.map(|(row, text)| (row, read(text).map_err(Outcome::Invalid))).collect()
}

/// Roles that the caller may give: nobody gives one that may more than they may themselves.
async fn assignable(app: &App, cx: &Cx) -> Result<Vec<String>> {
    let made = roles::roles(&mut app.db.single().await?).await?;
    let made = made.into_iter().map(|role| (role.name, role.permissions));
    let built_in = BUILT_IN.iter().map(|(name, _)| ((*name).to_owned(), Permissions::of_role(name)));
    let given = built_in.chain(made).filter(|(_, permissions)| own(cx).covers(*permissions));
    Ok(given.map(|(name, _)| name).collect())
}

fn accounts(rows: &[Row]) -> impl Iterator<Item = &Account> {
    rows.iter().filter_map(|(_, read)| read.as_ref().ok())
}

/// Takes out rows with the id of an account that is there or was erased, before anything is put under that id: a
/// certificate says that nothing is held about it any more.
async fn refuse_known_ids(app: &App, rows: &mut [Row]) -> Result<()> {
    let mut tx = app.db.read().await?;
    for (_, read) in rows.iter_mut() {
        let known_id = match read {
            Ok(account) if account.brought_id => {
                let id = account.user.id;
                store::exists(&mut tx, id).await? || erasures::begun(&mut tx, id).await?.is_some()
            }
            _ => false,
        };
        if known_id {
            *read = Err(Outcome::Conflict("/id", Code::Conflict));
        }
    }
    Ok(())
}

/// Puts the hashes, inert until the accounts are there. A hash that cannot be checked makes its row invalid.
async fn put_credentials(app: &App, cx: &Cx, rows: &mut [Row]) -> Result<()> {
    let with_hash = rows
        .iter_mut()
        .filter(|(_, read)| read.as_ref().is_ok_and(|account| account.password_hash.is_some()));
    let mut with_hash: Vec<&mut Row> = with_hash.collect();
    let credentials = with_hash.iter().filter_map(|(_, read)| {
        let account = read.as_ref().ok()?;
        let password_hash = account.password_hash.clone()?;
        Some(NewCredential { user_id: account.user.id.to_string(), password_hash })
    });
    let request = PutCredentialsRequest { credentials: credentials.collect() };
    if request.credentials.is_empty() {
        return Ok(());
    }
    let answer = app.links.hashes(cx).put_credentials(request).await.map_err(problem_from)?;
    for refused in answer.into_inner().refused {
        let index = usize::try_from(refused.index).unwrap_or(usize::MAX);
        if let Some((_, read)) = with_hash.get_mut(index) {
            *read = Err(Outcome::Invalid(Fault::new("/password_hash", "unsupported", refused.detail)));
        }
    }
    Ok(())
}

/// Says that the accounts are there now. Should it fail, password asks for each within hours.
async fn claim_credentials(app: &App, cx: &Cx, imported: &Imported) {
    let ids = imported.rows.iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Created(id) => Some(id.to_string()),
        _ => None,
    });
    let request = ClaimCredentialsRequest { user_ids: ids.collect() };
    if let Err(status) = app.links.hashes(cx).claim_credentials(request).await {
        tracing::warn!(problem = %problem_from(status), "imported passwords wait to be claimed");
    }
}

/// Says what would happen.
async fn look(
    app: &App,
    cx: &Cx,
    batch: &Batch,
    rows: Vec<Row>,
    before: Option<Progress>,
) -> Result<Imported> {
    let mut tx = app.db.read().await?;
    let mut outcomes = Vec::with_capacity(rows.len());
    for (row, read) in rows {
        let outcome = match read {
            Err(outcome) => outcome,
            Ok(account) => match imports::taken(&mut tx, &account.user, &app.keys).await? {
                Some((pointer, code)) => Outcome::Conflict(pointer, code),
                None => Outcome::Created(account.user.id),
            },
        };
        outcomes.push((row, outcome));
    }
    let last = batch.first_row + count(batch.records.len()) - 1;
    let progress = advanced(before, cx, last, &outcomes);
    Ok(Imported { rows: outcomes, progress })
}

/// Writes the accounts, how far the import has come, and what happened.
async fn write(
    app: &App,
    cx: &Cx,
    (batch, rows): (&Batch, &[Row]),
    keys: &HashMap<UserId, Key>,
) -> Result<Imported> {
    let mut tx = app.db.write().await?;
    let before = imports::progress(&mut tx, &batch.import_id).await?;
    let done = before.as_ref().map_or(0, |progress| progress.rows);
    let last = batch.first_row + count(batch.records.len()) - 1;
    let mut event = UsersImported::of(&batch.import_id);
    let mut fresh = Vec::with_capacity(rows.len());
    for (row, read) in rows.iter().filter(|(row, _)| *row > done) {
        let outcome = match read {
            Err(outcome) => outcome.clone(),
            Ok(account) => {
                let key = keys.get(&account.user.id).ok_or(Error::NoDataKey)?;
                insert(app, &mut tx, &account.user, key).await?
            }
        };
        if let (Outcome::Created(_), Ok(account)) = (&outcome, read) {
            event.add(&account.user);
        }
        fresh.push((*row, outcome));
    }
    let progress = advanced(before, cx, last, &fresh);
    imports::save_progress(&mut tx, &batch.import_id, &progress).await?;
    if !event.user_ids.is_empty() {
        tx.emit(cx, event);
    }
    tx.commit().await?;
    let old = (batch.first_row..=done.min(last)).map(|row| (row, Outcome::DoneBefore));
    Ok(Imported { rows: old.chain(fresh).collect(), progress })
}

async fn insert(app: &App, tx: &mut Tx, user: &User, key: &Key) -> Result<Outcome> {
    if imports::insert_if_free(tx, user, &Sealing { key, keys: &app.keys }).await? {
        return Ok(Outcome::Created(user.id));
    }
    let (pointer, code) = imports::taken(tx, user, &app.keys).await?.unwrap_or(("", Code::Conflict));
    Ok(Outcome::Conflict(pointer, code))
}

/// How far the import has come after these rows.
fn advanced(before: Option<Progress>, cx: &Cx, last: i64, rows: &[(i64, Outcome)]) -> Progress {
    let now = cx.now();
    let before = before.unwrap_or(Progress {
        rows: 0,
        created: 0,
        conflicts: 0,
        invalid: 0,
        started_at: now,
        updated_at: now,
    });
    let number =
        |wanted: fn(&Outcome) -> bool| count(rows.iter().filter(|(_, outcome)| wanted(outcome)).count());
    Progress {
        rows: before.rows.max(last),
        created: before.created + number(|outcome| matches!(outcome, Outcome::Created(_))),
        conflicts: before.conflicts + number(|outcome| matches!(outcome, Outcome::Conflict(..))),
        invalid: before.invalid + number(|outcome| matches!(outcome, Outcome::Invalid(_))),
        started_at: before.started_at,
        updated_at: now,
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
