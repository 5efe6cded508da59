//! The public form of a login session.

use denizen_kit::time::Timestamp;
use denizen_rpc::auth::v1 as wire;
use serde::Serialize;
use utoipa::ToSchema;

use crate::resources::time;

/// A login session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    #[schema(format = Uuid)]
    id: String,
    #[schema(format = Uuid)]
    user_id: String,
    ip: Option<String>,
    user_agent: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Whether it is the session of the token that asks.
    current: bool,
    /// How the person proved who they are (RFC 8176).
    amr: Vec<String>,
}

// === impl Session ===

impl Session {
    pub(crate) fn of(session: wire::Session) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            ip: session.ip,
            user_agent: session.user_agent,
            created_at: time(session.created_at),
            last_seen_at: time(session.last_seen_at),
            expires_at: time(session.expires_at),
            current: session.current,
            amr: session.amr,
        }
    }
}
