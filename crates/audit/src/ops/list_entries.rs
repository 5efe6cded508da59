//! Lists entries, newest first, with the callers' addresses opened where their keys still exist. Reading another
//! person's entries is itself recorded first: what cannot be recorded is not shown.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::require_reader;
use crate::App;
use crate::error::{Error, Result};
use crate::events::{AuditRead, Filters};
use crate::model::{Content, Filter, Key, Position};
use crate::store::{self, Entry};

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
    let person = wanted.filter.key.as_ref().and_then(Key::person);
    if let Some(person) = person.filter(|person| !cx.is_self(*person)) {
        record(app, cx, person, wanted).await?;
    }

    let mut tx = app.db.single().await?;
    // One more than asked for tells whether there is a next page.
    let mut entries = store::entries(&mut tx, &wanted.filter, wanted.from, wanted.limit + 1).await?;
    drop(tx);
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|last| Position::of(&wanted.filter, last.content.at, last.seq));

    let contents: Vec<&Content> = entries.iter().map(|entry| &entry.content).collect();
    let addresses = app.keys.open(cx, &contents).await?;
    let entries = entries.into_iter().zip(addresses).map(|(entry, ip)| Shown { entry, ip }).collect();
    Ok(Page { entries, next })
}

async fn record(app: &App, cx: &Cx, person: UserId, wanted: &Wanted) -> Result<()> {
    let write = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        tx.emit(cx, AuditRead { person, filters: wanted.filters.clone() });
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    };
    // Boxed: a run is a large future, and most lists never need it.
    Box::pin(app.db.run(cx, write)).await?;
    Ok(())
}
