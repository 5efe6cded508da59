//! The SQL of what is held about one person.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::time::Timestamp;

use crate::error::Result;

const SESSIONS: &str = "SELECT id, created_at, last_seen_at, expires_at, ended_at, end_reason, ip_sealed, \
     user_agent_sealed, amr, auth_time FROM sessions WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

const DELETE_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";

/// A session as its owner may know it, still sealed.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) end_reason: Option<String>,
    pub(crate) ip_sealed: Option<Vec<u8>>,
    pub(crate) user_agent_sealed: Option<Vec<u8>>,
    pub(crate) amr: String,
    pub(crate) auth_time: Timestamp,
}

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            last_seen_at: row.get(2)?,
            expires_at: row.get(3)?,
            ended_at: row.get(4)?,
            end_reason: row.get(5)?,
            ip_sealed: row.get(6)?,
            user_agent_sealed: row.get(7)?,
            amr: row.get(8)?,
            auth_time: row.get(9)?,
        })
    }
}

/// A person's sessions before an id, live or not, newest first.
pub(crate) async fn records(
    tx: &mut Tx,
    user_id: UserId,
    before: SessionId,
    limit: i64,
) -> Result<Vec<Record>> {
    Ok(tx.all(SESSIONS, args![user_id, before, limit]).await?)
}

/// Deletes a person's sessions; how many rows went. Their epoch stays: it lets no login that is under way be completed.
pub(crate) async fn delete_records(tx: &mut Tx, user_id: UserId) -> Result<u64> {
    Ok(tx.exec(DELETE_SESSIONS, args![user_id]).await?)
}
