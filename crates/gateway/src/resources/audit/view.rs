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
    /// How many entries there are.
    entries: i64,
    /// Hash of the last entry, in hexadecimal.
    head: String,
    /// Place of the first entry that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    broken_at: Option<i64>,
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
        let wire::VerifyChainResponse { valid, entries, head, broken_at } = answer;
        Self { valid, entries, head: hex::encode(head), broken_at }
    }
}
