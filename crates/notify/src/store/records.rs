//! The SQL of what is held about one person.

use denizen_db::{FromRow, Result, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde::Serialize;

use super::Caught;
use crate::model::MessageId;

const MESSAGES: &str = "SELECT id, channel, template, state, attempts, created_at, sent_at, dead_at, last_error \
     FROM messages WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const CAUGHT: &str = "SELECT id, user_id, channel, to_index, content, created_at FROM mailbox \
     WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1000";

/// A message to a person, without what it said.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Its id.
    pub id: MessageId,
    channel: String,
    template: String,
    state: String,
    tries: i64,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
    dead_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            channel: row.get(1)?,
            template: row.get(2)?,
            state: row.get(3)?,
            tries: row.get(4)?,
            created_at: row.get(5)?,
            sent_at: row.get(6)?,
            dead_at: row.get(7)?,
            last_error: row.get(8)?,
        })
    }
}

/// A person's messages before an id, newest first.
pub async fn records(tx: &mut Tx, user_id: UserId, before: MessageId, limit: i64) -> Result<Vec<Record>> {
    tx.all(MESSAGES, args![user_id, before, limit]).await
}

/// The newest messages to a person that were caught in development.
pub async fn caught_of(tx: &mut Tx, user_id: UserId) -> Result<Vec<Caught>> {
    tx.all(CAUGHT, args![user_id]).await
}
