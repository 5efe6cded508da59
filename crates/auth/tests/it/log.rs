//! The log of users, as a stand-in keeps it.

use std::sync::Arc;

use denizen_rpc::events::internal::v1 as events;
use denizen_rpc::events::internal::v1::event_log_server::EventLog;
use futures::stream::{BoxStream, unfold};
use tonic::{Request, Response, Status};

use crate::peers::{World, require_auth};

/// The log of users.
pub(crate) struct FakeLog(pub(crate) Arc<World>);

#[tonic::async_trait]
impl EventLog for FakeLog {
    async fn events(
        &self,
        request: Request<events::EventsRequest>,
    ) -> Result<Response<events::EventsResponse>, Status> {
        require_auth(&request);
        let after = usize::try_from(request.into_inner().after_seq).unwrap();
        let events = self.0.log.borrow().iter().skip(after).cloned().collect();
        Ok(Response::new(events::EventsResponse { events }))
    }

    type WatchStream = BoxStream<'static, Result<events::Ring, Status>>;

    async fn watch(&self, _: Request<events::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let rings = unfold(self.0.log.subscribe(), |mut log| async move {
            log.changed().await.ok().map(|()| (Ok(events::Ring {}), log))
        });
        Ok(Response::new(Box::pin(rings)))
    }

    async fn acknowledge(
        &self,
        request: Request<events::AcknowledgeRequest>,
    ) -> Result<Response<events::AcknowledgeResponse>, Status> {
        require_auth(&request);
        self.0.taken.send_replace(request.into_inner().seq);
        Ok(Response::new(events::AcknowledgeResponse {}))
    }
}
