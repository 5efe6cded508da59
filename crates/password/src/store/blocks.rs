//! The SQL of IP blocks, and of failures counted by source.

use std::time::Duration;

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, before};
use uuid::Uuid;

use crate::error::Result;

const IN_FORCE: &str = "SELECT id, cidr, reason, automatic, created_by, created_at, until FROM ip_blocks \
    WHERE lifted_at IS NULL AND (until IS NULL OR until > $1) AND id < $2 ORDER BY id DESC LIMIT $3";

const ALL: &str =
    "SELECT id, cidr, until FROM ip_blocks WHERE lifted_at IS NULL AND (until IS NULL OR until > $1)";

const LIFT_ENDED: &str = "UPDATE ip_blocks SET lifted_at = until WHERE id IN \
    (SELECT id FROM ip_blocks WHERE lifted_at IS NULL AND until IS NOT NULL AND until <= $1 ORDER BY until LIMIT 500)";

const LIFT_ENDED_OF: &str =
    "UPDATE ip_blocks SET lifted_at = until WHERE cidr = $1 AND lifted_at IS NULL AND until <= $2";

const INSERT: &str = "INSERT INTO ip_blocks (id, cidr, reason, automatic, created_by, created_at, until) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

const LIFT: &str = "UPDATE ip_blocks SET lifted_at = $2 WHERE id = $1 AND lifted_at IS NULL";

const SWEEP: &str = "DELETE FROM ip_blocks WHERE id IN \
    (SELECT id FROM ip_blocks WHERE lifted_at IS NOT NULL AND lifted_at <= $1 ORDER BY lifted_at LIMIT 500)";

const CHANGED: &str = "INSERT INTO ip_block_changes (id, version) VALUES (1, 1) \
    ON CONFLICT (id) DO UPDATE SET version = ip_block_changes.version + 1";

const VERSION: &str = "SELECT version FROM ip_block_changes WHERE id = 1";

const COUNT_SOURCE: &str = "INSERT INTO guard_sources (key, failures, started_at, last_at) VALUES ($1, 1, $2, $2) \
    ON CONFLICT (key) DO UPDATE SET \
    failures = CASE WHEN guard_sources.started_at <= $3 THEN 1 ELSE guard_sources.failures + 1 END, \
    started_at = CASE WHEN guard_sources.started_at <= $3 THEN excluded.started_at ELSE guard_sources.started_at END, \
    last_at = excluded.last_at RETURNING failures";

const FORGET_SOURCE: &str = "DELETE FROM guard_sources WHERE key = $1";

const SWEEP_SOURCES: &str = "DELETE FROM guard_sources WHERE key IN \
    (SELECT key FROM guard_sources WHERE last_at <= $1 ORDER BY last_at LIMIT 500)";

/// How long a block that is over stays to be looked up.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) id: Uuid,
    pub(crate) cidr: String,
    pub(crate) reason: String,
    /// Made by the guard.
    pub(crate) automatic: bool,
    pub(crate) created_by: Option<UserId>,
    pub(crate) created_at: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl FromRow for Block {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            cidr: row.get(1)?,
            reason: row.get(2)?,
            automatic: row.get(3)?,
            created_by: row.get(4)?,
            created_at: row.get(5)?,
            until: row.get(6)?,
        })
    }
}

/// What a gateway must know of a block: its id, its network, until when.
pub(crate) type Barrier = (Uuid, String, Option<Timestamp>);

/// The blocks in force before an id, the newest first.
pub(crate) async fn page(tx: &mut Tx, now: Timestamp, before: Uuid, limit: i64) -> Result<Vec<Block>> {
    Ok(tx.all(IN_FORCE, args![now, before, limit]).await?)
}

/// All blocks in force.
pub(crate) async fn barriers(tx: &mut Tx, now: Timestamp) -> Result<Vec<Barrier>> {
    Ok(tx.all(ALL, args![now]).await?)
}

/// Adds a block; false when the network has one in force.
pub(crate) async fn insert(tx: &mut Tx, block: &Block) -> Result<bool> {
    tx.exec(LIFT_ENDED_OF, args![&block.cidr, block.created_at]).await?;
    let mut args = args![block.id, &block.cidr, &block.reason, block.automatic];
    args.extend(args![block.created_by, block.created_at, block.until]);
    if tx.exec(INSERT, args).await? == 0 {
        return Ok(false);
    }
    tx.exec(CHANGED, args![]).await?;
    Ok(true)
}

/// Lifts a block; false when there is none in force.
pub(crate) async fn lift(tx: &mut Tx, id: Uuid, now: Timestamp) -> Result<bool> {
    if tx.exec(LIFT, args![id, now]).await? == 0 {
        return Ok(false);
    }
    tx.exec(CHANGED, args![]).await?;
    Ok(true)
}

/// How often the list has changed.
pub(crate) async fn version(tx: &mut Tx) -> Result<i64> {
    let row: Option<(i64,)> = tx.opt(VERSION, args![]).await?;
    Ok(row.map_or(0, |(version,)| version))
}

/// Counts a try from a source as a failure; the number of failures with it since `window` ago.
pub(crate) async fn count_source(tx: &mut Tx, key: &[u8], now: Timestamp, window: Duration) -> Result<i64> {
    let (failures,): (i64,) = tx.one(COUNT_SOURCE, args![key.to_vec(), now, before(now, window)]).await?;
    Ok(failures)
}

/// Lets a source start over.
pub(crate) async fn forget_source(tx: &mut Tx, key: &[u8]) -> Result<()> {
    tx.exec(FORGET_SOURCE, args![key.to_vec()]).await?;
    Ok(())
}

/// Lifts what has ended, and deletes up to 500 rows of each table that have no effect any more; the most of one table.
pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp, window: Duration) -> Result<u64> {
    let lifted = tx.exec(LIFT_ENDED, args![now]).await?;
    let deleted = tx.exec(SWEEP, args![before(now, KEPT)]).await?;
    let sources = tx.exec(SWEEP_SOURCES, args![before(now, window)]).await?;
    Ok(lifted.max(deleted).max(sources))
}
