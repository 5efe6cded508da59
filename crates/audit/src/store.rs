//! Every SQL text of the crate, and rows as what they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use denizen_db::{FromRow, Result, Row, Tx, Value, args};

use crate::chain::{GENESIS, Head, Link};
use crate::model::{Content, Draft, Filter, Key, Position, Range};

mod counters;
mod lists;
pub(crate) mod records;
mod statements;

pub(crate) use counters::{count, figures, figures_between};
pub(crate) use statements::{
    Checkpoint, Removal, WINDOW, actions, checkpoint_before, checkpoints, checkpoints_between, cut,
    delete_entries, delete_links, first_entry, insert_checkpoint, insert_removal, last_checkpoint,
    lock_swept, removals_between, save_cut, save_swept,
};

/// How many rows one statement inserts at most.
pub(crate) const ROWS: usize = 32;

const LOCK_HEAD: &str = "INSERT INTO chain_head (id, seq, hash) VALUES (1, 0, $1) \
     ON CONFLICT (id) DO UPDATE SET seq = chain_head.seq RETURNING seq, hash";
const SAVE_HEAD: &str = "UPDATE chain_head SET seq = $1, hash = $2, signature = $3 WHERE id = 1";
const SIGNATURE: &str = "SELECT signature FROM chain_head WHERE id = 1";
const HEAD: &str = "SELECT seq, hash FROM chain_head WHERE id = 1";
const BEFORE: &str = "SELECT MIN(seq) FROM (SELECT seq FROM links WHERE seq <= $1 \
     UNION ALL SELECT seq FROM entries WHERE seq <= $1) AS strays";
const POSITIONS: &str = "SELECT producer, seq FROM cursors WHERE seq > 0 ORDER BY producer";
const BEYOND: &str = "SELECT MIN(seq) FROM (SELECT seq FROM links WHERE seq > $1 \
     UNION ALL SELECT seq FROM entries WHERE seq > $1) AS beyond";
const INSERT_LINK: &str =
    "INSERT INTO links (seq, producer, producer_seq, digest, hash) VALUES ($1, $2, $3, $4, $5)";
const INSERT_ENTRY: &str = "INSERT INTO entries (seq, id, at, action, actor, subject, ip_owner, ip, request_id, result, details) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
// The join repeats the range: a merge of the two keys then skips what was walked before.
const LINKS: &str = "SELECT l.seq, l.producer, l.producer_seq, l.digest, l.hash, \
     e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, e.result, e.details \
     FROM links l LEFT JOIN entries e ON e.seq = l.seq AND e.seq > $1 AND e.seq <= $2 \
     WHERE l.seq > $1 AND l.seq <= $2 ORDER BY l.seq LIMIT $3";

static INSERT_LINKS: LazyLock<String> = LazyLock::new(|| for_rows(INSERT_LINK, 5));
static INSERT_ENTRIES: LazyLock<String> = LazyLock::new(|| for_rows(INSERT_ENTRY, 11));

/// The statement that inserts [`ROWS`] rows, from the one that inserts one of so many columns.
fn for_rows(one_row: &str, columns: usize) -> String {
    let mut sql = one_row.to_owned();
    for row in 1..ROWS {
        let first = row * columns + 1;
        let _ = write!(sql, ", (${first}");
        for column in first + 1..first + columns {
            let _ = write!(sql, ", ${column}");
        }
        sql.push(')');
    }
    sql
}

/// The head of the chain, locked until the transaction ends; made if it is not there.
pub(crate) async fn lock_head(tx: &mut Tx) -> Result<Head> {
    tx.one(LOCK_HEAD, args![GENESIS]).await
}

/// Puts the head where the chain now ends.
pub(crate) async fn save_head(tx: &mut Tx, head: &Head, signature: &[u8]) -> Result<()> {
    tx.exec(SAVE_HEAD, args![head.seq, &head.hash, signature]).await?;
    Ok(())
}

/// The signature of the head, if there is one.
pub(crate) async fn signature(tx: &mut Tx) -> Result<Option<Vec<u8>>> {
    let found: Option<(Option<Vec<u8>>,)> = tx.opt(SIGNATURE, args![]).await?;
    Ok(found.and_then(|(signature,)| signature))
}

/// The head of the chain.
pub(crate) async fn head(tx: &mut Tx) -> Result<Head> {
    Ok(tx.opt(HEAD, args![]).await?.unwrap_or_default())
}

/// The first seq after the head, where there must be none.
pub(crate) async fn beyond(tx: &mut Tx, head: i64) -> Result<Option<i64>> {
    let (seq,): (Option<i64>,) = tx.one(BEYOND, args![head]).await?;
    Ok(seq)
}

/// The first seq up to the beginning, where there must be none either.
pub(crate) async fn before(tx: &mut Tx, begin: i64) -> Result<Option<i64>> {
    let (seq,): (Option<i64>,) = tx.one(BEFORE, args![begin]).await?;
    Ok(seq)
}

/// For each producer the place in its log up to which the trail goes.
pub(crate) async fn positions(tx: &mut Tx) -> Result<BTreeMap<String, i64>> {
    let rows: Vec<(String, i64)> = tx.all(POSITIONS, args![]).await?;
    Ok(rows.into_iter().collect())
}

/// Inserts entries and their links: at most [`ROWS`], of each draft one link.
pub(crate) async fn insert(tx: &mut Tx, links: &[Link], drafts: &[Draft]) -> Result<()> {
    if links.len() == ROWS {
        tx.exec(&INSERT_LINKS, links.iter().flat_map(link_args).collect()).await?;
        let entries = links.iter().zip(drafts).flat_map(|(link, draft)| entry_args(link.seq, &draft.content));
        tx.exec(&INSERT_ENTRIES, entries.collect()).await?;
        return Ok(());
    }
    for (link, draft) in links.iter().zip(drafts) {
        tx.exec(INSERT_LINK, link_args(link).to_vec()).await?;
        tx.exec(INSERT_ENTRY, entry_args(link.seq, &draft.content).to_vec()).await?;
    }
    Ok(())
}

fn link_args(link: &Link) -> [Value; 5] {
    [
        link.seq.into(),
        link.producer.as_str().into(),
        link.producer_seq.into(),
        link.digest.as_slice().into(),
        link.hash.as_slice().into(),
    ]
}

fn entry_args(seq: i64, content: &Content) -> [Value; 11] {
    [
        seq.into(),
        content.id.into(),
        content.at.into(),
        content.action.as_str().into(),
        content.actor.as_str().into(),
        content.subject.into(),
        content.ip_owner.into(),
        content.ip.as_deref().into(),
        content.request_id.as_str().into(),
        content.result.as_str().into(),
        content.details.as_str().into(),
    ]
}

/// The links after a place up to another, with the contents of their entries, in order.
pub(crate) async fn links(tx: &mut Tx, after: i64, last: i64, limit: i64) -> Result<Vec<Linked>> {
    tx.all(LINKS, args![after, last, limit]).await
}

/// The entries of a list after a place, newest first.
pub(crate) async fn entries(tx: &mut Tx, filter: &Filter, from: Position, limit: i64) -> Result<Vec<Entry>> {
    tx.all(lists::statement(filter), list_args(filter, from, limit)).await
}

fn list_args(filter: &Filter, from: Position, limit: i64) -> Vec<Value> {
    let mut values: Vec<Value> = filter.key.iter().map(key_value).collect();
    match (from, filter.range) {
        (Position::Seq(seq), _) => values.push(seq.into()),
        (Position::Time(at, seq), range) => {
            let range = range.unwrap_or(Range { after: at, before: at });
            values.extend([range.after.into(), at.into(), seq.into()]);
        }
    }
    values.push(limit.into());
    values
}

fn key_value(key: &Key) -> Value {
    match key {
        Key::Action(text) | Key::Actor(text) => text.as_str().into(),
        Key::Subject(person) => (*person).into(),
        Key::Result(outcome) => outcome.as_str().into(),
    }
}

/// A link with the contents of its entry, if they are there.
#[derive(Debug)]
pub(crate) struct Linked {
    /// The link.
    pub(crate) link: Link,
    /// The contents.
    pub(crate) content: Option<Content>,
}

/// An entry of a list.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place in the chain.
    pub(crate) seq: i64,
    /// What it says.
    pub(crate) content: Content,
    /// The hash of its link; empty when the link is gone.
    pub(crate) hash: Vec<u8>,
}

// === impl FromRow ===

impl FromRow for Head {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { seq: row.get(0)?, hash: row.get(1)? })
    }
}

impl FromRow for Linked {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let link = Link {
            seq: row.get(0)?,
            producer: row.get(1)?,
            producer_seq: row.get(2)?,
            digest: row.get(3)?,
            hash: row.get(4)?,
        };
        let is_there = row.get::<Option<uuid::Uuid>>(5)?.is_some();
        Ok(Self { link, content: if is_there { Some(content(row, 5)?) } else { None } })
    }
}

impl FromRow for Entry {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let hash: Option<Vec<u8>> = row.get(11)?;
        Ok(Self { seq: row.get(0)?, content: content(row, 1)?, hash: hash.unwrap_or_default() })
    }
}

/// The contents in ten columns from `first` on.
fn content(row: &Row<'_>, first: usize) -> Result<Content> {
    Ok(Content {
        id: row.get(first)?,
        at: row.get(first + 1)?,
        action: row.get(first + 2)?,
        actor: row.get(first + 3)?,
        subject: row.get(first + 4)?,
        ip_owner: row.get(first + 5)?,
        ip: row.get(first + 6)?,
        request_id: row.get(first + 7)?,
        result: row.get(first + 8)?,
        details: row.get(first + 9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_for_many_rows_counts_on() {
        let sql = for_rows("INSERT INTO t (a, b) VALUES ($1, $2)", 2);
        assert!(sql.starts_with("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4), ($5, $6)"), "{sql}");
        assert!(sql.ends_with(&format!(", (${}, ${})", 2 * ROWS - 1, 2 * ROWS)), "{sql}");
    }
}
