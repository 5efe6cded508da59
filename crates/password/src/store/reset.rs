//! The SQL of forgotten passwords: requests, what fell due, rights to set a new one.

use std::time::Duration;

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, before};
use uuid::Uuid;

use crate::error::Result;

const INSERT_REQUEST: &str = "INSERT INTO reset_requests (id, sealed, created_at) VALUES ($1, $2, $3)";

const REQUESTS: &str = "SELECT id, sealed, created_at FROM reset_requests ORDER BY id LIMIT 50";

const TAKE_REQUEST: &str = "DELETE FROM reset_requests WHERE id = $1";

const DUES: &str = "SELECT COUNT(*) FROM reset_dues WHERE user_id = $1 AND created_at > $2";

const OLDEST_DUE: &str = "SELECT MIN(created_at) FROM reset_dues WHERE user_id = $1 AND created_at > $2";

const INSERT_DUE: &str = "INSERT INTO reset_dues (id, user_id, created_at) VALUES ($1, $2, $3)";

const RESET: &str = "SELECT issue_id, user_id, expires_at, used_at, ended_at, by_mail FROM resets \
    WHERE issue_id = $1 AND code_mac IS NULL";

const INSERT: &str = "INSERT INTO resets (issue_id, user_id, code_mac, tries, created_at, expires_at, by_mail) \
    VALUES ($1, $2, $3, 0, $4, $5, $6)";

const END_OF_USER: &str =
    "UPDATE resets SET ended_at = $2 WHERE user_id = $1 AND used_at IS NULL AND ended_at IS NULL";

const END_SENT: &str = "UPDATE resets SET ended_at = $3 WHERE user_id = $1 AND used_at IS NULL AND ended_at IS NULL \
    AND created_at <= $2";

const TRY_CODE: &str = "UPDATE resets SET tries = tries + 1 WHERE user_id = $1 AND code_mac IS NOT NULL \
    AND used_at IS NULL AND ended_at IS NULL AND expires_at > $2 AND tries < $3 \
    RETURNING issue_id, code_mac, by_mail";

const USE: &str = "UPDATE resets SET used_at = $3 WHERE issue_id = $1 AND user_id = $2 AND used_at IS NULL \
    AND ended_at IS NULL AND expires_at > $3";

const SWEEP_RESETS: &str = "DELETE FROM resets WHERE issue_id IN \
    (SELECT issue_id FROM resets WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)";

const SWEEP_DUES: &str = "DELETE FROM reset_dues WHERE id IN (SELECT id FROM reset_dues WHERE created_at <= $1 ORDER BY created_at LIMIT 500)";

const ERASE_RESETS: &str = "DELETE FROM resets WHERE user_id = $1";

const ERASE_DUES: &str = "DELETE FROM reset_dues WHERE user_id = $1";

/// Resets that fall due for one account within [`DUE_WINDOW`].
pub(crate) const MOST_DUE: i64 = 5;

/// How far back resets of an account are counted.
pub(crate) const DUE_WINDOW: Duration = Duration::from_secs(3600);

/// How long a reset that has ended is kept, so that a message that is written late gets the token it had.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How often a proved code may be compared again.
const CODE_TRIES: i64 = 5;

/// A request that waits to be looked up.
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

impl FromRow for Waiting {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self { id: row.get(0)?, sealed: row.get(1)?, created_at: row.get(2)? })
    }
}

/// The right to set a new password, by the token of a message.
#[derive(Clone, Debug)]
pub(crate) struct Reset {
    pub(crate) issue_id: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    /// Whether its message went by mail.
    pub(crate) by_mail: bool,
}

/// A code that was proved and not used.
#[derive(Clone, Debug)]
pub(crate) struct ProvedCode {
    pub(crate) issue_id: Uuid,
    /// Its keyed digest.
    pub(crate) mac: Vec<u8>,
    /// Whether it came by mail.
    pub(crate) by_mail: bool,
}

impl FromRow for ProvedCode {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self { issue_id: row.get(0)?, mac: row.get(1)?, by_mail: row.get(2)? })
    }
}

impl FromRow for Reset {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            issue_id: row.get(0)?,
            user_id: row.get(1)?,
            expires_at: row.get(2)?,
            used_at: row.get(3)?,
            ended_at: row.get(4)?,
            by_mail: row.get(5)?,
        })
    }
}

// === impl Reset ===

impl Reset {
    /// Whether it can still be used.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.ended_at.is_none() && self.expires_at > now
    }
}

// --- requests

/// Adds a request.
pub(crate) async fn insert_request(tx: &mut Tx, id: Uuid, sealed: &[u8], now: Timestamp) -> Result<()> {
    tx.exec(INSERT_REQUEST, args![id, sealed, now]).await?;
    Ok(())
}

/// The oldest 50 requests.
pub(crate) async fn requests(tx: &mut Tx) -> Result<Vec<Waiting>> {
    Ok(tx.all(REQUESTS, args![]).await?)
}

/// Takes a request; false when it has been taken.
pub(crate) async fn take_request(tx: &mut Tx, id: Uuid) -> Result<bool> {
    Ok(tx.exec(TAKE_REQUEST, args![id]).await? == 1)
}

/// How many resets of an account fell due within the last hour.
pub(crate) async fn dues(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<i64> {
    let (count,): (i64,) = tx.one(DUES, args![user_id, before(now, DUE_WINDOW)]).await?;
    Ok(count)
}

/// When the oldest of them fell due.
pub(crate) async fn oldest_due(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<Option<Timestamp>> {
    let (oldest,): (Option<Timestamp>,) = tx.one(OLDEST_DUE, args![user_id, before(now, DUE_WINDOW)]).await?;
    Ok(oldest)
}

/// Writes down that a reset fell due.
pub(crate) async fn insert_due(tx: &mut Tx, cx: &Cx, user_id: UserId) -> Result<()> {
    tx.exec(INSERT_DUE, args![cx.uuid(), user_id, cx.now()]).await?;
    Ok(())
}

// --- resets

/// The reset of a message.
pub(crate) async fn reset(tx: &mut Tx, issue_id: Uuid) -> Result<Option<Reset>> {
    Ok(tx.opt(RESET, args![issue_id]).await?)
}

/// Gives the right to set a new password, and ends the ones before. `code_mac` when it was a code that proved it.
pub(crate) async fn insert(
    tx: &mut Tx,
    reset: &Reset,
    code_mac: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<()> {
    end_of_user(tx, reset.user_id, now).await?;
    let args = args![reset.issue_id, reset.user_id, code_mac, now, reset.expires_at, reset.by_mail];
    tx.exec(INSERT, args).await?;
    Ok(())
}

/// Ends all resets of a person.
pub(crate) async fn end_of_user(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<()> {
    tx.exec(END_OF_USER, args![user_id, now]).await?;
    Ok(())
}

/// Ends a person's resets that were made at a time or before it.
pub(crate) async fn end_sent(tx: &mut Tx, user_id: UserId, made: Timestamp, now: Timestamp) -> Result<()> {
    tx.exec(END_SENT, args![user_id, made, now]).await?;
    Ok(())
}

/// The code that a person has proved and not used, to be compared; the try is counted.
pub(crate) async fn try_code(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<Option<ProvedCode>> {
    Ok(tx.opt(TRY_CODE, args![user_id, now, CODE_TRIES]).await?)
}

/// Uses a reset up; false when it is over.
pub(crate) async fn use_up(tx: &mut Tx, issue_id: Uuid, user_id: UserId, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(USE, args![issue_id, user_id, now]).await? == 1)
}

/// Deletes up to 500 rows of each table that have no effect any more; the most of one table.
pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let resets = tx.exec(SWEEP_RESETS, args![before(now, KEPT)]).await?;
    Ok(resets.max(tx.exec(SWEEP_DUES, args![before(now, DUE_WINDOW)]).await?))
}

/// Deletes what is kept about a person.
pub(crate) async fn erase(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(ERASE_RESETS, args![user_id]).await?;
    tx.exec(ERASE_DUES, args![user_id]).await?;
    Ok(())
}
