//! The public form of an IP block.

use denizen_kit::time::Timestamp;
use denizen_rpc::password::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::{filled, time};

/// An address or a network that is kept out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IpBlock {
    #[schema(format = Uuid)]
    id: String,
    /// The network, such as `192.0.2.0/24`.
    cidr: String,
    reason: String,
    /// Made by the guard, after too many failures.
    automatic: bool,
    /// Who made it; null for the guard.
    #[schema(format = Uuid)]
    created_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
    /// Until when; null until it is deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// What is to be kept out.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct IpBlockForm {
    /// An address, or a network such as `192.0.2.0/24`.
    #[schema(required = true, nullable = false)]
    pub(crate) cidr: Option<String>,
    #[schema(required = true, nullable = false)]
    pub(crate) reason: Option<String>,
    /// Until when; without it, until it is deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Timestamp>,
}

// === impl IpBlock ===

impl IpBlock {
    pub(crate) fn of(block: wire::IpBlock) -> Self {
        Self {
            id: block.id,
            cidr: block.cidr,
            reason: block.reason,
            automatic: block.automatic,
            created_by: filled(block.created_by),
            created_at: time(block.created_at),
            until: time(block.until),
        }
    }
}
