//! The contract by which gateways tell of the use of sessions: decode, operation, encode.

use std::sync::Arc;

use denizen_kit::id::SessionId;
use denizen_kit::problem::Problem;
use denizen_kit::time::{Timestamp, from_micros};
use denizen_rpc::auth::internal::v1::activity_server::Activity;
use denizen_rpc::auth::internal::v1::{NoteSeenRequest, NoteSeenResponse};
use denizen_rpc::{Reply, serve};
use tonic::Request;

use crate::{App, ops};

/// Most sessions in one message.
const MOST: usize = 1_000;

/// The operations of gateways on the use of sessions.
pub(crate) struct ActivityService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Activity for ActivityService {
    async fn note_seen(&self, request: Request<NoteSeenRequest>) -> Reply<NoteSeenResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let seen = read(request)?;
            ops::note_seen(app, &cx, &seen).await?;
            Ok(NoteSeenResponse {})
        })
        .await
    }
}

/// The sessions in order of their ids, so that two gateways never wait for each other's rows. What is no id is left
/// out: it is of no session.
fn read(request: NoteSeenRequest) -> Result<Vec<(SessionId, Timestamp)>, Problem> {
    if request.sessions.len() > MOST {
        return Err(Problem::invalid("/sessions", "too_many", "send at most 1,000 sessions at once"));
    }
    let read = request.sessions.into_iter().filter_map(|seen| {
        let id = seen.session_id.parse().ok()?;
        Some((id, from_micros(seen.at.saturating_mul(1_000_000))))
    });
    let mut sessions: Vec<_> = read.collect();
    sessions.sort_unstable();
    Ok(sessions)
}
