//! Every SQL text of notify, and rows as what they mean.

pub mod notifications;
pub mod records;

use std::sync::Arc;

use denizen_db::{Error, FromRow, Result, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;

use crate::draft::Draft;
use crate::model::{AddressKind, Channel, Message, MessageId, Template};

/// The event that a message follows from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The service's name.
    pub producer: &'static str,
    /// Its place in the service's log.
    pub seq: i64,
}

/// One caught message, as it is kept.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Its id.
    pub id: MessageId,
    /// Whom it is to.
    pub user_id: UserId,
    /// How it would have travelled.
    pub channel: Channel,
    /// Keyed digest of the address.
    pub to_index: Vec<u8>,
    /// The letter, sealed to the person.
    pub content: Vec<u8>,
    /// When it was caught.
    pub created_at: Timestamp,
}

impl FromRow for Message {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            channel: named(row, 2, Channel::parse)?,
            template: named(row, 3, Template::parse)?,
            context: row.get(4)?,
            address: named(row, 5, AddressKind::parse)?,
            old_address: row.get(6)?,
            attempts: row.get(7)?,
            created_at: row.get(8)?,
            content: row.get(9)?,
        })
    }
}

impl FromRow for Caught {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            channel: named(row, 2, Channel::parse)?,
            to_index: row.get(3)?,
            content: row.get(4)?,
            created_at: row.get(5)?,
        })
    }
}

/// A column that holds one of our names.
fn named<T>(row: &Row<'_>, index: usize, parse: fn(&str) -> Option<T>) -> Result<T> {
    let text: String = row.get(index)?;
    let unknown =
        || Error::Statement(Arc::new(std::io::Error::other(format!("column {index} holds an unknown name"))));
    parse(&text).ok_or_else(unknown)
}

// === messages ===

const INSERT_MESSAGE: &str = "INSERT INTO messages (id, user_id, channel, template, context, address_kind, old_address, \
     state, attempts, next_try_at, created_at, producer, seq) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, $8, $8, $9, $10) \
     ON CONFLICT (producer, seq, template, channel) DO NOTHING";

/// Queues a message; one event gives each of its messages once.
pub async fn insert_message(
    tx: &mut Tx,
    id: MessageId,
    draft: &Draft,
    origin: Origin,
    now: Timestamp,
) -> Result<()> {
    let args = args![
        id,
        draft.user_id,
        draft.channel.as_str(),
        draft.template.as_str(),
        draft.context.clone(),
        draft.address.as_str(),
        draft.old_address.clone(),
        now,
        origin.producer,
        origin.seq,
    ];
    tx.exec(INSERT_MESSAGE, args).await?;
    Ok(())
}

const NEXT_DUE: &str = "SELECT MIN(next_try_at) FROM messages WHERE channel = $1 AND next_try_at IS NOT NULL";

/// When the next message of a channel is due, if any is to come.
pub async fn next_due(tx: &mut Tx, channel: Channel) -> Result<Option<Timestamp>> {
    let (due,): (Option<Timestamp>,) = tx.one(NEXT_DUE, args![channel.as_str()]).await?;
    Ok(due)
}

const CLAIM: &str = "UPDATE messages SET state = 'sending', attempts = attempts + 1, next_try_at = $2 \
     WHERE next_try_at <= $1 AND id IN \
     (SELECT id FROM messages WHERE channel = $4 AND next_try_at <= $1 ORDER BY next_try_at, id LIMIT $3) \
     RETURNING id, user_id, channel, template, context, address_kind, old_address, attempts, created_at, content";

/// Takes due messages of a channel for sending, until the lease ends. Two senders never take the same one: the second
/// sees the first one's lease.
pub async fn claim(
    tx: &mut Tx,
    channel: Channel,
    now: Timestamp,
    lease_ends: Timestamp,
    limit: i64,
) -> Result<Vec<Message>> {
    tx.all(CLAIM, args![now, lease_ends, limit, channel.as_str()]).await
}

const MARK_SENT: &str = "UPDATE messages SET state = 'sent', sent_at = $2, next_try_at = NULL, user_id = $3, \
     context = $4, old_address = NULL, content = NULL, last_error = NULL, \
     status = CASE WHEN status = 'queued' THEN 'sent' ELSE status END \
     WHERE id = $1 AND sent_at IS NULL AND dead_at IS NULL";

/// Marks a message as sent and removes what it held. False: somebody else has settled it.
pub async fn mark_sent(tx: &mut Tx, id: MessageId, user_id: Option<UserId>, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(MARK_SENT, args![id, now, user_id, serde_json::json!({})]).await? == 1)
}

const MARK_DEAD: &str = "UPDATE messages SET state = 'dead', status = 'failed', dead_at = $3, next_try_at = NULL, \
     last_error = $4 WHERE id = $1 AND state = 'sending' AND attempts = $2";

/// Puts a message among the dead. False: its lease had ended and somebody else has it.
pub async fn mark_dead(tx: &mut Tx, message: &Message, now: Timestamp, code: &str) -> Result<bool> {
    Ok(tx.exec(MARK_DEAD, args![message.id, message.attempts, now, code]).await? == 1)
}

const MARK_DECLINED: &str = "UPDATE messages SET state = 'declined', status = 'declined', dead_at = $3, \
     next_try_at = NULL, content = NULL WHERE id = $1 AND state = 'sending' AND attempts = $2";

/// Keeps a message unsent that its reader does not want. False: its lease had ended and somebody else has it.
pub async fn mark_declined(tx: &mut Tx, message: &Message, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(MARK_DECLINED, args![message.id, message.attempts, now]).await? == 1)
}

const REQUEUE: &str = "UPDATE messages SET state = 'queued', next_try_at = $3, attempts = $4, last_error = $5 \
     WHERE id = $1 AND state = 'sending' AND attempts = $2";

/// Puts a message back for another try.
pub async fn requeue(
    tx: &mut Tx,
    message: &Message,
    at: Timestamp,
    attempts: i64,
    code: &str,
) -> Result<bool> {
    Ok(tx.exec(REQUEUE, args![message.id, message.attempts, at, attempts, code]).await? == 1)
}

const MARK_WAITING: &str = "UPDATE messages SET state = 'waiting', next_try_at = NULL, attempts = attempts - 1, \
     last_error = 'no_provider' WHERE id = $1 AND state = 'sending' AND attempts = $2";

/// Lets a message wait until its channel has a provider.
pub async fn mark_waiting(tx: &mut Tx, message: &Message) -> Result<bool> {
    Ok(tx.exec(MARK_WAITING, args![message.id, message.attempts]).await? == 1)
}

const DROP: &str = "DELETE FROM messages WHERE id = $1 AND state = 'sending' AND attempts = $2";

/// Takes out a message that has nothing to say any more.
pub async fn drop_message(tx: &mut Tx, message: &Message) -> Result<bool> {
    Ok(tx.exec(DROP, args![message.id, message.attempts]).await? == 1)
}

const REVIVE: &str =
    "UPDATE messages SET state = 'queued', next_try_at = $2 WHERE state = 'waiting' AND channel = $1";

/// Queues what waited for a provider of the channel.
pub async fn revive(tx: &mut Tx, channel: Channel, now: Timestamp) -> Result<u64> {
    tx.exec(REVIVE, args![channel.as_str(), now]).await
}

const RELEASE: &str =
    "UPDATE messages SET state = 'queued', next_try_at = $1 WHERE channel = $2 AND state = 'sending'";

/// Ends all leases of a channel, where no other process can hold one.
pub async fn release(tx: &mut Tx, channel: Channel, now: Timestamp) -> Result<u64> {
    tx.exec(RELEASE, args![now, channel.as_str()]).await
}

const WAITS: &str = "SELECT id FROM messages WHERE state = 'waiting' AND channel = $1 LIMIT 1";

/// Whether a message waits for a provider of the channel.
pub async fn waits(tx: &mut Tx, channel: Channel) -> Result<bool> {
    let found: Option<(MessageId,)> = tx.opt(WAITS, args![channel.as_str()]).await?;
    Ok(found.is_some())
}

const FORGET_MESSAGES: &str = "DELETE FROM messages WHERE user_id = $1";
const FORGET_MAILBOX: &str = "DELETE FROM mailbox WHERE user_id = $1";
const FORGET_REPORTS: &str = "DELETE FROM reports WHERE user_id = $1";

/// Deletes all that is kept about a person.
pub async fn forget(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(FORGET_MESSAGES, args![user_id]).await?;
    tx.exec(FORGET_MAILBOX, args![user_id]).await?;
    tx.exec(FORGET_REPORTS, args![user_id]).await?;
    Ok(())
}

const SWEEP_SENT: &str =
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE sent_at < $1 ORDER BY sent_at LIMIT $2)";
const SWEEP_DEAD: &str =
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE dead_at < $1 ORDER BY dead_at LIMIT $2)";

/// Deletes some messages that were sent before a time.
pub async fn sweep_sent(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    tx.exec(SWEEP_SENT, args![before, limit]).await
}

/// Deletes some messages that died before a time.
pub async fn sweep_dead(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    tx.exec(SWEEP_DEAD, args![before, limit]).await
}

// === mailbox ===

const INSERT_CAUGHT: &str = "INSERT INTO mailbox (id, user_id, channel, to_index, content, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";

/// Puts a message into the mailbox.
pub async fn insert_caught(tx: &mut Tx, caught: &Caught) -> Result<()> {
    let args = args![
        caught.id,
        caught.user_id,
        caught.channel.as_str(),
        caught.to_index.clone(),
        caught.content.clone(),
        caught.created_at,
    ];
    tx.exec(INSERT_CAUGHT, args).await?;
    Ok(())
}

const NEWEST: &str = "SELECT id, user_id, channel, to_index, content, created_at FROM mailbox \
     ORDER BY created_at DESC, id DESC LIMIT $1";
const NEWEST_TO: &str = "SELECT id, user_id, channel, to_index, content, created_at FROM mailbox \
     WHERE to_index = $2 ORDER BY created_at DESC, id DESC LIMIT $1";

/// The newest caught messages, perhaps to one address only.
pub async fn newest(tx: &mut Tx, limit: i64, to_index: Option<Vec<u8>>) -> Result<Vec<Caught>> {
    match to_index {
        Some(index) => tx.all(NEWEST_TO, args![limit, index]).await,
        None => tx.all(NEWEST, args![limit]).await,
    }
}

const TRIM: &str = "DELETE FROM mailbox WHERE id IN \
     (SELECT id FROM mailbox ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $1)";

/// Deletes some caught messages beyond the newest `keep`.
pub async fn trim_mailbox(tx: &mut Tx, keep: i64, limit: i64) -> Result<u64> {
    tx.exec(TRIM, args![keep, limit]).await
}
