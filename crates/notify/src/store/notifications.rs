//! The SQL of what services send, what is reported of it, and what could not be delivered.

use denizen_db::{FromRow, Result, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use uuid::Uuid;

use super::named;
use crate::model::{Channel, MessageId};
use crate::report::Status;

/// A notification, without its words.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its id.
    pub id: MessageId,
    /// How it travels.
    pub channel: Channel,
    /// What it says.
    pub template: String,
    /// Whom it is to.
    pub user_id: Option<UserId>,
    /// The service account that asked for it.
    pub sender: Option<UserId>,
    /// How it fares.
    pub status: Status,
    /// Why it failed or waits.
    pub error: Option<String>,
    /// Tries so far.
    pub attempts: i64,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was handed over.
    pub sent_at: Option<Timestamp>,
}

/// A report on a notification.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its id.
    pub id: Uuid,
    /// The notification's id, ours or not.
    pub notification_id: String,
    /// Whom it was to, where that is known.
    pub user_id: Option<UserId>,
    /// How that travels.
    pub channel: Channel,
    /// What was reported.
    pub status: Status,
    /// Why it failed, in the reporter's words, sealed.
    pub error: Option<Vec<u8>>,
    /// When it happened, as the reporter says.
    pub at: Timestamp,
}

/// A message that a service wants sent.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    /// Its id.
    pub id: MessageId,
    /// Whom it is to, if that is an account.
    pub user_id: Option<UserId>,
    /// How it travels.
    pub channel: Channel,
    /// Recipient and words, sealed.
    pub content: &'a [u8],
    /// The service account that asks.
    pub sender: Option<UserId>,
}

impl FromRow for Notification {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            channel: named(row, 1, Channel::parse)?,
            template: row.get(2)?,
            user_id: row.get(3)?,
            sender: row.get(4)?,
            status: named(row, 5, Status::parse)?,
            error: row.get(6)?,
            attempts: row.get(7)?,
            created_at: row.get(8)?,
            sent_at: row.get(9)?,
        })
    }
}

impl FromRow for Report {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            notification_id: row.get(1)?,
            user_id: row.get(2)?,
            channel: named(row, 3, Channel::parse)?,
            status: named(row, 4, Status::parse)?,
            error: row.get(5)?,
            at: row.get(6)?,
        })
    }
}

const INSERT: &str = "INSERT INTO messages (id, user_id, channel, template, context, address_kind, old_address, state, \
     attempts, next_try_at, created_at, producer, seq, content, sender) \
     VALUES ($1, $2, $3, 'custom', $4, 'current', NULL, 'queued', 0, $5, $5, 'api', $6, $7, $8)";

/// Queues a message that a service wants sent. The number only tells it from the others of the API.
pub async fn insert(tx: &mut Tx, sent: &Sent<'_>, number: i64, now: Timestamp) -> Result<()> {
    let args = args![
        sent.id,
        sent.user_id,
        sent.channel.as_str(),
        serde_json::json!({}),
        now,
        number,
        sent.content.to_vec(),
        sent.sender,
    ];
    tx.exec(INSERT, args).await?;
    Ok(())
}

const ONE: &str = "SELECT id, channel, template, user_id, sender, status, last_error, attempts, created_at, sent_at \
     FROM messages WHERE id = $1";

/// One notification.
pub async fn notification(tx: &mut Tx, id: MessageId) -> Result<Option<Notification>> {
    tx.opt(ONE, args![id]).await
}

const ALL: &str = "SELECT id, channel, template, user_id, sender, status, last_error, attempts, created_at, sent_at \
     FROM messages WHERE id < $1 ORDER BY id DESC LIMIT $2";
const OF_USER: &str = "SELECT id, channel, template, user_id, sender, status, last_error, attempts, created_at, sent_at \
     FROM messages WHERE user_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2";
const OF_STATUS: &str = "SELECT id, channel, template, user_id, sender, status, last_error, attempts, created_at, sent_at \
     FROM messages WHERE status = $3 AND id < $1 ORDER BY id DESC LIMIT $2";
const DEAD: &str = "SELECT id, channel, template, user_id, sender, status, last_error, attempts, created_at, sent_at \
     FROM messages WHERE state = 'dead' AND id < $1 ORDER BY id DESC LIMIT $2";

/// Which notifications a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those to an account.
    OfUser(UserId),
    /// Those that fare so.
    OfStatus(Status),
    /// Those that could not be delivered.
    Dead,
}

/// Notifications before an id, the newest first.
pub async fn page(tx: &mut Tx, which: Which, before: MessageId, limit: i64) -> Result<Vec<Notification>> {
    match which {
        Which::All => tx.all(ALL, args![before, limit]).await,
        Which::OfUser(user_id) => tx.all(OF_USER, args![before, limit, user_id]).await,
        Which::OfStatus(status) => tx.all(OF_STATUS, args![before, limit, status.as_str()]).await,
        Which::Dead => tx.all(DEAD, args![before, limit]).await,
    }
}

const SET_STATUS: &str = "UPDATE messages SET status = $2 WHERE id = $1";

/// Says how a notification fares.
pub async fn set_status(tx: &mut Tx, id: MessageId, status: Status) -> Result<()> {
    tx.exec(SET_STATUS, args![id, status.as_str()]).await?;
    Ok(())
}

const INSERT_REPORT: &str = "INSERT INTO reports (id, notification_id, user_id, channel, status, error, at, reported_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Keeps a report.
pub async fn insert_report(tx: &mut Tx, report: &Report, now: Timestamp) -> Result<()> {
    let args = args![
        report.id,
        report.notification_id.as_str(),
        report.user_id,
        report.channel.as_str(),
        report.status.as_str(),
        report.error.clone(),
        report.at,
        now,
    ];
    tx.exec(INSERT_REPORT, args).await?;
    Ok(())
}

const REPORTS: &str = "SELECT id, notification_id, user_id, channel, status, error, at FROM reports \
     WHERE notification_id = $1 ORDER BY id LIMIT $2";

/// The first reports on a notification, in the order in which they came.
pub async fn reports(tx: &mut Tx, notification_id: &str, limit: i64) -> Result<Vec<Report>> {
    tx.all(REPORTS, args![notification_id, limit]).await
}

const REPLAY: &str = "UPDATE messages SET state = 'queued', status = 'queued', attempts = 0, next_try_at = $2, \
     dead_at = NULL, last_error = NULL WHERE id = $1 AND state = 'dead'";

/// Queues a dead one again. False: there is none.
pub async fn replay(tx: &mut Tx, id: MessageId, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(REPLAY, args![id, now]).await? == 1)
}

const DISCARD: &str = "DELETE FROM messages WHERE id = $1 AND state = 'dead'";

/// Throws a dead one away. False: there is none.
pub async fn discard(tx: &mut Tx, id: MessageId) -> Result<bool> {
    Ok(tx.exec(DISCARD, args![id]).await? == 1)
}

const SWEEP_REPORTS: &str = "DELETE FROM reports WHERE id IN \
     (SELECT id FROM reports WHERE reported_at < $1 ORDER BY reported_at LIMIT $2)";

/// Deletes some reports that came before a time.
pub async fn sweep_reports(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    tx.exec(SWEEP_REPORTS, args![before, limit]).await
}
