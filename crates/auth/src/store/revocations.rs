//! The table of revocations.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::SessionId;
use denizen_kit::time::Timestamp;

use crate::error::Result;

/// Access tokens of a session are dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) session_id: SessionId,
    pub(crate) ended_at: Timestamp,
    /// When the last of them would have expired by itself.
    pub(crate) valid_until: Timestamp,
}

const INSERT_REVOCATION: &str = "INSERT INTO revocations (session_id, ended_at, valid_until) VALUES ($1, $2, $3) \
     ON CONFLICT (session_id) DO NOTHING";

const REVOCATIONS: &str = "SELECT session_id, ended_at, valid_until FROM revocations WHERE valid_until > $1";

const REVOCATIONS_SINCE: &str =
    "SELECT session_id, ended_at, valid_until FROM revocations WHERE ended_at > $1";

const DELETE_REVOCATIONS: &str = "DELETE FROM revocations WHERE session_id IN \
     (SELECT session_id FROM revocations WHERE valid_until < $1 ORDER BY valid_until LIMIT $2)";

/// Adds a revocation; a second one of a session changes nothing.
pub(crate) async fn insert_revocation(tx: &mut Tx, revocation: &Revocation) -> Result<()> {
    let args = args![revocation.session_id, revocation.ended_at, revocation.valid_until];
    tx.exec(INSERT_REVOCATION, args).await?;
    Ok(())
}

/// The revocations that still matter.
pub(crate) async fn revocations(tx: &mut Tx, now: Timestamp) -> Result<Vec<Revocation>> {
    Ok(tx.all(REVOCATIONS, args![now]).await?)
}

/// The revocations of sessions that ended after a time.
pub(crate) async fn revocations_since(tx: &mut Tx, after: Timestamp) -> Result<Vec<Revocation>> {
    Ok(tx.all(REVOCATIONS_SINCE, args![after]).await?)
}

/// Deletes revocations that do not matter since a time, at most `limit`; says how many.
pub(crate) async fn delete_revocations(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(tx.exec(DELETE_REVOCATIONS, args![before, limit]).await?)
}

impl FromRow for Revocation {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self { session_id: row.get(0)?, ended_at: row.get(1)?, valid_until: row.get(2)? })
    }
}
