//! The trail as evidence.

use std::pin::Pin;
use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as p;
use denizen_rpc::audit::v1::trail_server::{Trail, TrailServer};
use denizen_rpc::{Reply, decode, serve, status_from};
use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::audit::{entry, filter_of};
use crate::App;
use crate::ops::{self, CheckpointPage};
use crate::store::Checkpoint;

/// The service as a tower service.
pub(crate) fn server(app: &Arc<App>) -> TrailServer<impl Trail> {
    TrailServer::new(TrailService(app.clone()))
}

struct TrailService(Arc<App>);

#[tonic::async_trait]
impl Trail for TrailService {
    async fn list_checkpoints(
        &self,
        request: Request<p::ListCheckpointsRequest>,
    ) -> Reply<p::ListCheckpointsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (before, limit) = (before(&request.cursor)?, decode::limit(request.limit)?);
            Ok(page(app, ops::list_checkpoints(app, &cx, before, limit).await?))
        })
        .await
    }

    type ExportEntriesStream = Pin<Box<dyn Stream<Item = Result<p::ExportEntriesResponse, Status>> + Send>>;

    async fn export_entries(
        &self,
        request: Request<p::ExportEntriesRequest>,
    ) -> Result<Response<Self::ExportEntriesStream>, Status> {
        let app = self.0.clone();
        let begun = serve(&app.clock, request, async |cx, request| {
            let asked = filter_of(&as_list(request))?;
            Ok(ops::export_entries(&app, cx, asked).await?)
        });
        let parts = begun.await?.into_inner().map(|part| match part {
            Ok(entries) => Ok(p::ExportEntriesResponse { entries: entries.into_iter().map(entry).collect() }),
            Err(error) => Err(status_from(Problem::from(error))),
        });
        Ok(Response::new(Box::pin(parts)))
    }
}

/// An export is a list without pages.
fn as_list(request: p::ExportEntriesRequest) -> p::ListEntriesRequest {
    p::ListEntriesRequest {
        action: request.action,
        actor: request.actor,
        subject: request.subject,
        result: request.result,
        created_after: request.created_after,
        created_before: request.created_before,
        ..Default::default()
    }
}

/// A cursor is the seq before which the page begins.
fn before(cursor: &str) -> Result<i64, Problem> {
    if cursor.is_empty() {
        return Ok(i64::MAX);
    }
    let seq = cursor.parse().ok().filter(|seq| *seq > 0);
    seq.ok_or_else(|| Problem::invalid("/cursor", "invalid", "send next_cursor as it came"))
}

fn page(app: &App, page: CheckpointPage) -> p::ListCheckpointsResponse {
    p::ListCheckpointsResponse {
        checkpoints: page.checkpoints.into_iter().map(|found| checkpoint(app, found)).collect(),
        next_cursor: page.next.map(|seq| seq.to_string()).unwrap_or_default(),
        public_key: app.notary.public_key().to_vec(),
    }
}

/// A checkpoint; without its hash when its statement is not genuine.
fn checkpoint(app: &App, found: Checkpoint) -> p::Checkpoint {
    let hash = app.notary.open(&found.signed).and_then(|statement| statement.hash());
    p::Checkpoint {
        seq: found.seq,
        hash: hash.unwrap_or_default(),
        at: Some(decode::to_wire(found.at)),
        statement: found.signed.statement,
        signature: found.signed.signature,
    }
}
