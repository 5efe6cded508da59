//! The outbox: events leave through the transaction that made them true, and wait as a log that consumers pull.
//!
//! Committed rows get a dense `seq` by the sequencer. It locks the one row of `outbox_head`, so that one works at a
//! time, over all nodes; what it numbers becomes visible at once and in order.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::row::{FromRow, Row};
use crate::value::{Args, Value};
use crate::{Db, args};

/// What the caller's address in an event is sealed for.
pub const SOURCE_PLACE: &[u8] = b"events/source";

/// How many events are numbered in one transaction.
const BATCH: i64 = 1000;

/// A fact in the past tense, told to other services. It carries ids and sealed fields only.
pub trait Event: serde::Serialize {
    /// Its name, such as `user.created`.
    const TYPE: &'static str;
    /// The version of its fields.
    const VERSION: i64 = 1;
    /// The person it is about.
    fn subject(&self) -> Option<UserId>;
}

/// An event as consumers get it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place in the service's sequence: dense, from 1.
    pub seq: i64,
    /// Its id.
    pub id: Uuid,
    /// Its name, such as `user.created`.
    pub kind: String,
    /// The version of its fields.
    pub version: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The person it is about.
    pub subject: Option<UserId>,
    /// Who did it: a user id, `service:<name>`, or empty for an anonymous caller.
    pub actor: String,
    /// The request in which it happened.
    pub request_id: String,
    /// The caller's address, sealed for [`SOURCE_PLACE`] with [`Secrets::events`](crate::Secrets).
    pub source: Option<Vec<u8>>,
    /// Its fields as JSON.
    pub data: String,
}

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            kind: row.get(2)?,
            version: row.get(3)?,
            at: row.get(4)?,
            subject: row.get(5)?,
            actor: row.get(6)?,
            request_id: row.get(7)?,
            source: row.get(8)?,
            data: row.get(9)?,
        })
    }
}

/// An event that waits for its transaction to commit.
pub(crate) struct Pending {
    pub(crate) kind: &'static str,
    /// None when the event cannot be written as JSON.
    pub(crate) data: Option<String>,
    version: i64,
    id: Uuid,
    at: Timestamp,
    pub(crate) subject: Option<UserId>,
    actor: String,
    request_id: String,
    source: Option<Vec<u8>>,
}

/// Inserts a [`Pending`].
pub(crate) const INSERT: &str = "INSERT INTO outbox (id, type, version, at, subject, actor, request_id, source, data) \
                                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

// === impl Pending ===

impl Pending {
    pub(crate) fn new<E: Event>(key: &Key, cx: &Cx, event: &E) -> Self {
        let call = cx.call();
        Self {
            kind: E::TYPE,
            data: serde_json::to_string(event).ok(),
            version: E::VERSION,
            id: cx.uuid(),
            at: cx.now(),
            subject: event.subject(),
            actor: cx.caller().actor(),
            request_id: call.request_id.to_string(),
            source: call.ip.map(|ip| key.seal_text(SOURCE_PLACE, &ip.to_string())),
        }
    }

    pub(crate) fn into_args(self) -> Args {
        let data = Value::Text(self.data);
        let mut args = args![self.id, self.kind, self.version, self.at, self.subject, self.actor];
        args.extend(args![self.request_id, self.source]);
        args.push(data);
        args
    }
}

// === impl Db ===

impl Db {
    /// The events after a sequence number, in order.
    pub async fn events_after(&self, seq: i64, limit: i32) -> Result<Vec<Record>> {
        const AFTER: &str = "SELECT seq, id, type, version, at, subject, actor, request_id, source, data \
                             FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2";
        self.single().await?.all(AFTER, args![seq, limit.max(0)]).await
    }

    /// Numbers the events that wait. Jobs do it whenever an event was committed; tests may do it themselves.
    pub async fn sequence(&self) -> Result<()> {
        const HEAD: &str = "SELECT seq FROM outbox_head WHERE id = 1";
        const WAITING: &str = "SELECT place FROM outbox WHERE seq IS NULL ORDER BY place LIMIT 1";
        loop {
            let waiting: Option<(i64,)> = self.single().await?.opt(WAITING, args![]).await?;
            if waiting.is_none() {
                let (head,) = self.single().await?.one(HEAD, args![]).await?;
                self.announce(head);
                return Ok(());
            }
            let head = self.number().await?;
            self.announce(head);
        }
    }

    /// Numbers one batch; the last number given.
    async fn number(&self) -> Result<i64> {
        const LOCK: &str = "UPDATE outbox_head SET seq = seq WHERE id = 1 RETURNING seq";
        const NUMBER: &str = "UPDATE outbox SET seq = $1 + waiting.number \
             FROM (SELECT place, row_number() OVER (ORDER BY place) AS number \
                   FROM outbox WHERE seq IS NULL ORDER BY place LIMIT $2) AS waiting \
             WHERE outbox.place = waiting.place";
        const MOVE: &str = "UPDATE outbox_head SET seq = seq + $1 WHERE id = 1";
        let mut tx = self.write_relaxed("the lock on the head puts sequencers in a row").await?;
        let (head,): (i64,) = tx.one(LOCK, args![]).await?;
        let given = tx.exec_beside(NUMBER, args![head, BATCH]).await?;
        let given = i64::try_from(given).unwrap_or(BATCH);
        tx.exec_beside(MOVE, args![given]).await?;
        tx.commit().await?;
        Ok(head + given)
    }

    /// Remembers that a consumer has durably taken all events up to a sequence number. Who has once done so is
    /// waited for before events are removed.
    pub async fn acknowledge(&self, consumer: &str, seq: i64) -> Result<()> {
        const PASS: &str = "INSERT INTO acknowledgements (consumer, seq) VALUES ($1, $2) \
             ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq WHERE acknowledgements.seq < excluded.seq";
        let mut tx = self.write_relaxed("one statement on one row").await?;
        tx.exec_beside(PASS, args![consumer, seq]).await?;
        tx.commit().await
    }
}
