//! Signed statements: checkpoints, where the trail begins, what retention took.

use denizen_db::{FromRow, Result, Row, Tx, args};
use denizen_kit::time::Timestamp;

use crate::notary::Signed;

const LAST: &str = "SELECT seq, at, statement, signature FROM checkpoints ORDER BY seq DESC LIMIT 1";
const BEFORE: &str =
    "SELECT seq, at, statement, signature FROM checkpoints WHERE seq <= $1 ORDER BY seq DESC LIMIT 1";
const BETWEEN: &str =
    "SELECT seq, at, statement, signature FROM checkpoints WHERE seq > $1 AND seq <= $2 ORDER BY seq";
const PAGE: &str =
    "SELECT seq, at, statement, signature FROM checkpoints WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
const INSERT: &str = "INSERT INTO checkpoints (seq, at, statement, signature) VALUES ($1, $2, $3, $4)";
const CUT: &str = "SELECT seq, statement, signature FROM cuts WHERE id = 1";
// A statement covers a window of seqs that is never wider than this, so the range of its last seq finds it.
const REMOVALS: &str = "SELECT first_seq, statement, signature FROM removals \
     WHERE last_seq > $1 AND last_seq <= $2 AND first_seq <= $3 ORDER BY last_seq";

const INSERT_REMOVAL: &str = "INSERT INTO removals (last_seq, class, first_seq, statement, signature) \
     VALUES ($1, $2, $3, $4, $5)";
const SAVE_CUT: &str = "INSERT INTO cuts (id, seq, statement, signature) VALUES (1, $1, $2, $3) \
     ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, statement = excluded.statement, signature = excluded.signature";
const DELETE_LINKS: &str = "DELETE FROM links WHERE seq <= $1";
const DELETE_CHECKPOINTS: &str = "DELETE FROM checkpoints WHERE seq <= $1";
const DELETE_REMOVALS: &str = "DELETE FROM removals WHERE last_seq <= $1";
const LOCK_SWEPT: &str = "INSERT INTO swept (class, seq) VALUES ($1, 0) \
     ON CONFLICT (class) DO UPDATE SET seq = swept.seq RETURNING seq";
const SAVE_SWEPT: &str = "UPDATE swept SET seq = $2 WHERE class = $1";
const ACTIONS: &str = "SELECT seq, action, at FROM entries WHERE seq > $1 AND seq <= $2 ORDER BY seq";
const DELETE_ENTRIES: &str = "DELETE FROM entries WHERE seq >= $1 AND seq <= $2";
const FIRST_ENTRY: &str = "SELECT MIN(seq) FROM entries";

/// How many seqs one statement of removal covers at most.
pub(crate) const WINDOW: i64 = 1_000;

/// A signed checkpoint, or the cut at which the trail begins.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// Seq of the last entry that it covers.
    pub(crate) seq: i64,
    /// When it was made; the Unix epoch for a cut, which says so itself.
    pub(crate) at: Timestamp,
    /// The statement.
    pub(crate) signed: Signed,
}

/// A signed list of entries whose contents went.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    /// The first of them.
    pub(crate) first_seq: i64,
    /// The statement.
    pub(crate) signed: Signed,
}

/// The newest checkpoint.
pub(crate) async fn last_checkpoint(tx: &mut Tx) -> Result<Option<Checkpoint>> {
    tx.opt(LAST, args![]).await
}

/// The newest checkpoint up to a seq.
pub(crate) async fn checkpoint_before(tx: &mut Tx, seq: i64) -> Result<Option<Checkpoint>> {
    tx.opt(BEFORE, args![seq]).await
}

/// The checkpoints after a seq up to another, in order.
pub(crate) async fn checkpoints_between(tx: &mut Tx, after: i64, last: i64) -> Result<Vec<Checkpoint>> {
    tx.all(BETWEEN, args![after, last]).await
}

/// A page of checkpoints before a seq, newest first.
pub(crate) async fn checkpoints(tx: &mut Tx, before: i64, limit: i64) -> Result<Vec<Checkpoint>> {
    tx.all(PAGE, args![before, limit]).await
}

/// Keeps a checkpoint.
pub(crate) async fn insert_checkpoint(tx: &mut Tx, seq: i64, at: Timestamp, signed: &Signed) -> Result<()> {
    tx.exec(INSERT, args![seq, at, &signed.statement, &signed.signature]).await?;
    Ok(())
}

/// Where the trail begins, if that is not at its first entry.
pub(crate) async fn cut(tx: &mut Tx) -> Result<Option<Checkpoint>> {
    let found: Option<(i64, String, Vec<u8>)> = tx.opt(CUT, args![]).await?;
    Ok(found.map(|(seq, statement, signature)| Checkpoint {
        seq,
        at: Timestamp::UNIX_EPOCH,
        signed: Signed { statement, signature },
    }))
}

/// What retention took of the entries after a seq up to another.
pub(crate) async fn removals_between(tx: &mut Tx, after: i64, last: i64) -> Result<Vec<Removal>> {
    tx.all(REMOVALS, args![after, last + WINDOW, last]).await
}

/// Keeps the statement of what retention took, from the first to the last of them.
pub(crate) async fn insert_removal(
    tx: &mut Tx,
    class: &str,
    (first, last): (i64, i64),
    signed: &Signed,
) -> Result<()> {
    tx.exec(INSERT_REMOVAL, args![last, class, first, &signed.statement, &signed.signature]).await?;
    Ok(())
}

/// Lets the trail begin after a seq.
pub(crate) async fn save_cut(tx: &mut Tx, seq: i64, signed: &Signed) -> Result<()> {
    tx.exec(SAVE_CUT, args![seq, &signed.statement, &signed.signature]).await?;
    Ok(())
}

/// Takes away the links up to a seq, and the statements that are about nothing else.
pub(crate) async fn delete_links(tx: &mut Tx, last: i64) -> Result<()> {
    for sql in [DELETE_LINKS, DELETE_CHECKPOINTS, DELETE_REMOVALS] {
        tx.exec(sql, args![last]).await?;
    }
    Ok(())
}

/// How far retention has looked for entries of a class, locked until the transaction ends.
pub(crate) async fn lock_swept(tx: &mut Tx, class: &str) -> Result<i64> {
    let (seq,): (i64,) = tx.one(LOCK_SWEPT, args![class]).await?;
    Ok(seq)
}

/// Notes how far retention has looked.
pub(crate) async fn save_swept(tx: &mut Tx, class: &str, seq: i64) -> Result<()> {
    tx.exec(SAVE_SWEPT, args![class, seq]).await?;
    Ok(())
}

/// Seq, action and time of the entries after a seq up to another.
pub(crate) async fn actions(tx: &mut Tx, after: i64, last: i64) -> Result<Vec<(i64, String, Timestamp)>> {
    tx.all(ACTIONS, args![after, last]).await
}

/// Takes the contents of entries, from the first to the last.
pub(crate) async fn delete_entries(tx: &mut Tx, first: i64, last: i64) -> Result<()> {
    tx.exec(DELETE_ENTRIES, args![first, last]).await?;
    Ok(())
}

/// The first entry that has contents.
pub(crate) async fn first_entry(tx: &mut Tx) -> Result<Option<i64>> {
    let (seq,): (Option<i64>,) = tx.one(FIRST_ENTRY, args![]).await?;
    Ok(seq)
}

// === impl FromRow ===

impl FromRow for Checkpoint {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let signed = Signed { statement: row.get(2)?, signature: row.get(3)? };
        Ok(Self { seq: row.get(0)?, at: row.get(1)?, signed })
    }
}

impl FromRow for Removal {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let signed = Signed { statement: row.get(1)?, signature: row.get(2)? };
        Ok(Self { first_seq: row.get(0)?, signed })
    }
}
