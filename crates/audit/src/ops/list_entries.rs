//! Lists entries, newest first, with the callers' addresses opened where their keys still exist. Whoever reads more
//! than their own entries leaves one themselves.

use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use tokio::time::timeout;

use super::require_reader;
use crate::App;
use crate::error::Result;
use crate::events::{AuditRead, Filters};
use crate::model::{Content, Filter, Key, Position};
use crate::store::{self, Entry};

/// How long a reading waits for its record.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Which entries.
    pub(crate) filter: Filter,
    /// From where on.
    pub(crate) from: Position,
    /// How many at most.
    pub(crate) limit: i64,
    /// What the record of the reading says.
    pub(crate) filters: Filters,
}

/// A page of entries.
#[derive(Debug)]
pub(crate) struct Page {
    /// The entries.
    pub(crate) entries: Vec<Shown>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Position>,
}

/// An entry with the caller's address.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The entry.
    pub(crate) entry: Entry,
    /// The address, if it opens.
    pub(crate) ip: Option<String>,
}

/// Lists entries. Needs `audit:read`.
pub(crate) async fn list_entries(app: &App, cx: &Cx, wanted: &Wanted) -> Result<Page> {
    require_reader(app, cx).await?;
    record_reading(app, cx, &wanted.filter, &wanted.filters).await;
    let mut tx = app.db.single().await?;
    // One more than asked for tells whether there is a next page.
    let mut entries = store::entries(&mut tx, &wanted.filter, wanted.from, wanted.limit + 1).await?;
    drop(tx);
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|last| Position::of(&wanted.filter, last.content.at, last.seq));

    Ok(Page { entries: show(app, cx, entries).await?, next })
}

/// Opens the callers' addresses.
pub(crate) async fn show(app: &App, cx: &Cx, entries: Vec<Entry>) -> Result<Vec<Shown>, Problem> {
    let contents: Vec<&Content> = entries.iter().map(|entry| &entry.content).collect();
    let addresses = app.keys.open(cx, &contents).await?;
    Ok(entries.into_iter().zip(addresses).map(|(entry, ip)| Shown { entry, ip }).collect())
}

/// Records a reading, unless it is of the caller's own entries. That the record cannot be written now is logged and
/// keeps nobody from reading: else who can stop the writing can blind those who look for them.
pub(crate) async fn record_reading(app: &App, cx: &Cx, filter: &Filter, filters: &Filters) {
    let person = filter.key.as_ref().and_then(Key::person);
    if person.is_some_and(|person| cx.is_self(person)) {
        return;
    }
    let write = async {
        let mut tx = app.db.write_relaxed("writes an event only").await?;
        tx.emit(cx, AuditRead { person, filters: filters.clone() });
        tx.commit().await
    };
    // Boxed: a write is a large future, and lists hold this one inside their own.
    match timeout(PATIENCE, Box::pin(write)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "a reading of the audit trail could not be recorded"),
        Err(_) => tracing::error!("a reading of the audit trail could not be recorded in time"),
    }
}
