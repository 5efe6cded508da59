//! The SQL of what is held about one person.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::error::Result;

const OTPS: &str = "SELECT id, purpose, channel, attempts, created_at, issued_at, code_expires_at, used_at, ended_at \
    FROM otps WHERE user_id = $1 ORDER BY id DESC LIMIT 500";

/// A code that was made for a person, without the code.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    id: Uuid,
    purpose: String,
    channel: String,
    tries: i64,
    created_at: Timestamp,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            purpose: row.get(1)?,
            channel: row.get(2)?,
            tries: row.get(3)?,
            created_at: row.get(4)?,
            issued_at: row.get(5)?,
            expires_at: row.get(6)?,
            used_at: row.get(7)?,
            ended_at: row.get(8)?,
        })
    }
}

/// The last 500 codes that were made for a person; older ones have ended and are swept within the hour.
pub(crate) async fn records(tx: &mut Tx, user_id: UserId) -> Result<Vec<Record>> {
    Ok(tx.all(OTPS, args![user_id]).await?)
}
