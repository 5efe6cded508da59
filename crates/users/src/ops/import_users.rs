//! Import users: the next rows of an import, each checked like any account, then written in their turn
//! ([`import_rows`](super::import_rows)). A crash before that leaves credentials and keys that nobody has, which their
//! sweeps take away; after it, the same rows are known to be done.

use std::collections::HashMap;

use denizen_db::Args;
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Code;
use denizen_kit::seal::Key;
use denizen_rpc::password::internal::v1::{ClaimCredentialsRequest, NewCredential, PutCredentialsRequest};
use denizen_rpc::problem_from;

use super::import_rows::{Ready, advanced, write_in_turn};
use super::permit;
use super::reach::own;
use crate::App;
use crate::error::{Error, Result};
use crate::model::import::{Account, Fault, Fields, Format, Rules};
use crate::model::role::BUILT_IN;
use crate::store::erasures;
use crate::store::imports::{self, Progress};
use crate::store::roles;
use crate::store::{self, Sealing};
use crate::turns::Part;

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
pub(super) type Row = (i64, std::result::Result<Account, Outcome>);

// === impl Batch ===

impl Batch {
    /// Number of the last record.
    pub(super) fn last_row(&self) -> i64 {
        self.first_row + i64::try_from(self.records.len()).unwrap_or(i64::MAX) - 1
    }
}

/// Takes the rows. Parts of an import may come at once: each waits for its turn to be written.
pub(crate) async fn import_users(app: &App, cx: &Cx, batch: &Batch) -> Result<Imported> {
    permit(app, cx, cx.require(Permission::UsersWrite)).await?;
    let mut part = app.turns.enter(&batch.import_id, batch.first_row);
    let before = imports::progress(&mut app.db.single().await?, &batch.import_id).await?;
    let done = before.as_ref().map_or(0, |progress| progress.rows);
    let roles = assignable(app, cx).await?;
    let mut rows = read(app, cx, (batch, done), &roles);
    refuse_known_ids(app, &mut part, &mut rows).await?;
    if batch.dry_run {
        return look(app, cx, batch, rows, before).await;
    }
    put_credentials(app, cx, &mut rows).await?;
    let ids: Vec<UserId> = accounts(&rows).map(|account| account.user.id).collect();
    let keys = app.keys.ensure_all(cx, &ids).await?;
    let ready = Ready { values: sealed(app, &rows, &keys)?, rows };
    let imported = write_in_turn(app, cx, (batch, &part), done, &ready).await?;
    drop(part);
    claim_credentials(app, cx, &imported).await;
    Ok(imported)
}

/// The values of the accounts' rows, sealed.
fn sealed(app: &App, rows: &[Row], keys: &HashMap<UserId, Key>) -> Result<Vec<Args>> {
    let values = accounts(rows).map(|account| {
        let key = keys.get(&account.user.id).ok_or(Error::NoDataKey)?;
        Ok(imports::values(&account.user, &Sealing { key, keys: &app.keys }))
    });
    values.collect()
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

pub(super) fn accounts(rows: &[Row]) -> impl Iterator<Item = &Account> {
    rows.iter().filter_map(|(_, read)| read.as_ref().ok())
}

/// Takes out rows with the id of an account that is there, about to be, or was erased, before anything is put under
/// that id: a certificate says that nothing is held about it any more.
async fn refuse_known_ids(app: &App, part: &mut Part<'_>, rows: &mut [Row]) -> Result<()> {
    let mut brought = Vec::new();
    for (_, read) in rows.iter_mut() {
        let Ok(account) = read else { continue };
        let id = account.user.id;
        if !account.brought_id {
            continue;
        }
        if part.takes(id) {
            brought.push(id);
        } else {
            *read = Err(Outcome::Conflict("/id", Code::Conflict));
        }
    }
    if brought.is_empty() {
        return Ok(());
    }
    // Looked up after they were taken: what another part had taken and written is seen here.
    let mut tx = app.db.read().await?;
    let mut known = store::existing(&mut tx, &brought).await?;
    known.extend(erasures::of_any(&mut tx, &brought).await?);
    for (_, read) in rows.iter_mut() {
        if matches!(read, Ok(account) if known.contains(&account.user.id)) {
            *read = Err(Outcome::Conflict("/id", Code::Conflict));
        }
    }
    Ok(())
}

/// Puts the hashes, inert until the accounts are there. A hash that cannot be checked makes its row invalid.
async fn put_credentials(app: &App, cx: &Cx, rows: &mut [Row]) -> Result<()> {
    let (mut places, mut credentials) = (Vec::new(), Vec::new());
    for (place, (_, read)) in rows.iter_mut().enumerate() {
        if let Ok(account) = read
            && let Some(password_hash) = account.password_hash.take()
        {
            places.push(place);
            credentials.push(NewCredential { user_id: account.user.id.to_string(), password_hash });
        }
    }
    if credentials.is_empty() {
        return Ok(());
    }
    let request = PutCredentialsRequest { credentials };
    let answer = app.links.hashes(cx).put_credentials(request).await.map_err(problem_from)?;
    for refused in answer.into_inner().refused {
        let place = usize::try_from(refused.index).ok().and_then(|index| places.get(index));
        if let Some(place) = place {
            rows[*place].1 =
                Err(Outcome::Invalid(Fault::new("/password_hash", "unsupported", refused.detail)));
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
    let progress = advanced(before, cx, batch.last_row(), &outcomes);
    Ok(Imported { rows: outcomes, progress })
}
