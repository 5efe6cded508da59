//! The public form of an entry of the audit trail.

use denizen_kit::time::Timestamp;
use denizen_rpc::audit::v1 as wire;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::resources::{filled, time};

/// An entry of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    id: String,
    /// Its place in the chain.
    seq: i64,
    #[schema(value_type = String, format = DateTime)]
    at: Option<Timestamp>,
    /// `user.created`, `auth.login` …
    action: String,
    /// User id or `service:<name>`; null for an anonymous caller.
    actor: Option<String>,
    /// User id of whom it is about.
    subject: Option<String>,
    ip: Option<String>,
    request_id: String,
    /// `ok`, `failed` or `refused`.
    result: String,
    #[schema(value_type = Object)]
    details: Box<RawValue>,
    /// SHA-256 over the entry and the hash before it, in hexadecimal.
    hash: String,
}

/// Whether the chain holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    valid: bool,
    /// Place of the last entry that holds: how many there are, when all do.
    entries: i64,
    /// Hash of the last entry, in hexadecimal.
    head: String,
    /// Place of the first entry that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    broken_at: Option<i64>,
    /// What does not hold, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Place of the first entry that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<i64>,
    /// How many signed checkpoints were looked at.
    checkpoints: i64,
    /// How many entries have lost their contents to retention.
    removed: i64,
    /// How far each service's log is taken in.
    producers: Vec<Producer>,
    /// Where to go on; only in a line that is not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// How far a service's log is taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Producer {
    name: String,
    /// Place in its log of the last event that is in the trail.
    position: i64,
    /// Events that wait to be taken in, 500 for that many or more; null when the service cannot be asked now.
    waiting: Option<i64>,
}

/// Signed checkpoints, and what is needed to check them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checkpoints {
    items: Vec<Checkpoint>,
    next_cursor: Option<String>,
    /// Ed25519 (RFC 8032), 32 bytes in hexadecimal.
    public_key: String,
    /// What stands before each statement when it is signed.
    context: &'static str,
}

/// A signed checkpoint: how far the trail had reached.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checkpoint {
    /// Place of the last entry that it covers.
    seq: i64,
    /// Hash of that entry, in hexadecimal.
    hash: String,
    #[schema(value_type = String, format = DateTime)]
    at: Option<Timestamp>,
    /// What was signed: a JSON object as text.
    statement: String,
    /// Ed25519, 64 bytes in hexadecimal.
    signature: String,
}

// === impl Entry ===

impl Entry {
    pub(crate) fn of(entry: wire::Entry) -> Self {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
        Self {
            id: entry.id,
            seq: entry.seq,
            at: time(entry.at),
            action: entry.action,
            actor: filled(entry.actor),
            subject: filled(entry.subject),
            ip: entry.ip,
            request_id: entry.request_id,
            result: entry.result,
            details: raw(&entry.details).or_else(|| raw("{}")).unwrap_or_default(),
            hash: hex::encode(entry.hash),
        }
    }
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn of(answer: wire::VerifyChainResponse) -> Self {
        let producers = answer.producers.into_iter();
        Self {
            valid: answer.valid,
            entries: answer.entries,
            head: hex::encode(answer.head),
            broken_at: answer.broken_at,
            reason: filled(answer.reason),
            from: Some(answer.from).filter(|from| *from > 0),
            checkpoints: answer.checkpoints,
            removed: answer.removed,
            producers: producers
                .map(|producer| Producer {
                    name: producer.name,
                    position: producer.position,
                    waiting: producer.waiting,
                })
                .collect(),
            next_cursor: filled(answer.next_cursor),
        }
    }
}

// === impl Checkpoints ===

impl Checkpoints {
    pub(crate) fn of(answer: wire::ListCheckpointsResponse) -> Self {
        let items = answer.checkpoints.into_iter().map(|checkpoint| Checkpoint {
            seq: checkpoint.seq,
            hash: hex::encode(checkpoint.hash),
            at: time(checkpoint.at),
            statement: checkpoint.statement,
            signature: hex::encode(checkpoint.signature),
        });
        Self {
            items: items.collect(),
            next_cursor: filled(answer.next_cursor),
            public_key: hex::encode(answer.public_key),
            context: "denizen audit statement v1\n",
        }
    }
}
