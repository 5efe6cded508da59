//! The SQL of the guard. Each function is one conditional statement on one row.

use denizen_db::{Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, before};

use crate::error::Result;
use crate::model::DAY;

const COUNT_PAIR: &str = "INSERT INTO guard_pairs (key, user_id, failures, last_at) VALUES ($1, $2, 1, $3) \
    ON CONFLICT (key) DO UPDATE SET \
    failures = CASE WHEN guard_pairs.last_at <= $4 THEN 1 ELSE guard_pairs.failures + 1 END, \
    user_id = excluded.user_id, last_at = excluded.last_at, locked_until = NULL \
    WHERE guard_pairs.locked_until IS NULL OR guard_pairs.locked_until <= $3 RETURNING failures";

const LOCK_PAIR: &str = "UPDATE guard_pairs SET locked_until = $2 WHERE key = $1";

const PAIR_LOCK: &str = "SELECT locked_until FROM guard_pairs WHERE key = $1";

const CLEAR_PAIR: &str = "DELETE FROM guard_pairs WHERE key = $1";

const UNCOUNT_PAIR: &str =
    "UPDATE guard_pairs SET failures = failures - 1, locked_until = NULL WHERE key = $1 AND failures > 0";

const COUNT_DAY: &str = "INSERT INTO guard_days (key, user_id, failures, started_at, last_at) VALUES ($1, $2, 1, $3, $3) \
    ON CONFLICT (key) DO UPDATE SET \
    failures = CASE WHEN guard_days.started_at <= $4 THEN 1 ELSE guard_days.failures + 1 END, \
    started_at = CASE WHEN guard_days.started_at <= $4 THEN excluded.started_at ELSE guard_days.started_at END, \
    user_id = excluded.user_id, last_at = excluded.last_at, closed_until = NULL \
    WHERE guard_days.closed_until IS NULL OR guard_days.closed_until <= $3 RETURNING failures";

const CLOSE_DAY: &str = "UPDATE guard_days SET closed_until = $2 WHERE key = $1";

const DAY_CLOSED: &str = "SELECT closed_until FROM guard_days WHERE key = $1";

const UNCOUNT_DAY: &str =
    "UPDATE guard_days SET failures = failures - 1, closed_until = NULL WHERE key = $1 AND failures > 0";

const FORGET_PAIRS: &str = "DELETE FROM guard_pairs WHERE user_id = $1";

const FORGET_DAYS: &str = "DELETE FROM guard_days WHERE user_id = $1";

const SWEEP_PAIRS: &str = "DELETE FROM guard_pairs WHERE key IN \
    (SELECT key FROM guard_pairs WHERE last_at <= $1 ORDER BY last_at LIMIT 500)";

const SWEEP_DAYS: &str = "DELETE FROM guard_days WHERE key IN (SELECT key FROM guard_days WHERE last_at <= $1 ORDER BY last_at LIMIT 500)";

/// Under which a try is counted.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// The name from its source.
    pub(crate) pair: Vec<u8>,
    /// The name from anywhere.
    pub(crate) day: Vec<u8>,
    /// The account by any of its names.
    pub(crate) account: Vec<u8>,
    /// Whose name it is, if anybody's.
    pub(crate) user_id: Option<UserId>,
}

/// Counts a try from a source as a failure; the number of failures with it, or none while it must wait.
pub(crate) async fn count_pair(tx: &mut Tx, counters: &Counters, now: Timestamp) -> Result<Option<i64>> {
    let args = args![counters.pair.clone(), counters.user_id, now, before(now, DAY)];
    let row: Option<(i64,)> = tx.opt(COUNT_PAIR, args).await?;
    Ok(row.map(|(failures,)| failures))
}

/// Makes the next try from the source wait.
pub(crate) async fn lock_pair(tx: &mut Tx, counters: &Counters, until: Timestamp) -> Result<()> {
    tx.exec(LOCK_PAIR, args![counters.pair.clone(), until]).await?;
    Ok(())
}

/// Until when the source must wait.
pub(crate) async fn pair_lock(tx: &mut Tx, counters: &Counters) -> Result<Option<Timestamp>> {
    let row: Option<(Option<Timestamp>,)> = tx.opt(PAIR_LOCK, args![counters.pair.clone()]).await?;
    Ok(row.and_then(|(until,)| until))
}

/// Counts a try from anywhere as a failure of a name or an account; the number of failures with it, or none while it is
/// closed.
pub(crate) async fn count_day(
    tx: &mut Tx,
    (key, user_id): (&[u8], Option<UserId>),
    now: Timestamp,
) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx.opt(COUNT_DAY, args![key, user_id, now, before(now, DAY)]).await?;
    Ok(row.map(|(failures,)| failures))
}

/// Closes a name or an account.
pub(crate) async fn close_day(tx: &mut Tx, key: &[u8], until: Timestamp) -> Result<()> {
    tx.exec(CLOSE_DAY, args![key, until]).await?;
    Ok(())
}

/// Until when a name or an account is closed.
pub(crate) async fn day_closed(tx: &mut Tx, key: &[u8]) -> Result<Option<Timestamp>> {
    let row: Option<(Option<Timestamp>,)> = tx.opt(DAY_CLOSED, args![key]).await?;
    Ok(row.and_then(|(until,)| until))
}

/// A try was right: the source starts over, and the try was no failure of the name.
pub(crate) async fn succeed(tx: &mut Tx, counters: &Counters) -> Result<()> {
    tx.exec(CLEAR_PAIR, args![counters.pair.clone()]).await?;
    tx.exec(UNCOUNT_DAY, args![counters.day.clone()]).await?;
    tx.exec(UNCOUNT_DAY, args![counters.account.clone()]).await?;
    Ok(())
}

/// A try was not evaluated: it was no failure.
pub(crate) async fn take_back(tx: &mut Tx, counters: &Counters) -> Result<()> {
    tx.exec(UNCOUNT_PAIR, args![counters.pair.clone()]).await?;
    tx.exec(UNCOUNT_DAY, args![counters.day.clone()]).await?;
    tx.exec(UNCOUNT_DAY, args![counters.account.clone()]).await?;
    Ok(())
}

/// Forgets the failures of a person.
pub(crate) async fn forget(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(FORGET_PAIRS, args![user_id]).await?;
    tx.exec(FORGET_DAYS, args![user_id]).await?;
    Ok(())
}

/// Deletes up to 500 rows of each table that have no effect any more; the most of one table. A closed name is closed
/// for as long as its failures are remembered.
pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let old = before(now, DAY);
    let pairs = tx.exec(SWEEP_PAIRS, args![old]).await?;
    Ok(pairs.max(tx.exec(SWEEP_DAYS, args![old]).await?))
}
