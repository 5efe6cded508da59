//! The event logs of the services that run here, for the consumers that pull them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use denizen_cache::Cache;
use denizen_db::{Db, Record};
use denizen_kit::caller::Role;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::events::internal::v1 as wire;
use denizen_rpc::events::internal::v1::event_log_server::EventLog;
use denizen_rpc::{Reply, serve};
use futures::Stream;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

/// How many events one answer holds at most, and when nothing is said.
const MOST: i32 = 1000;
const USUAL: i32 = 500;

/// The logs of the services of this process.
pub(crate) struct EventLogs {
    logs: HashMap<Role, Db>,
    cache: Cache,
    clock: Clock,
    tasks: Tasks,
}

/// The channel of the bell of one producer, to all nodes.
fn channel(producer: Role) -> String {
    format!("events.{producer}")
}

// === impl EventLogs ===

impl EventLogs {
    /// Serves these logs, and rings for them on all nodes when they grow.
    pub(crate) fn start(logs: HashMap<Role, Db>, cache: &Cache, clock: &Clock, tasks: &Tasks) -> Self {
        for (producer, db) in &logs {
            let (mut bell, cache, channel) = (db.bell(), cache.clone(), channel(*producer));
            tasks.spawn_until_stopped("events.bell", async move {
                while bell.changed().await.is_ok() {
                    cache.ring(&channel, b"");
                }
            });
        }
        Self { logs, cache: cache.clone(), clock: clock.clone(), tasks: tasks.clone() }
    }

    fn log(&self, producer: &str) -> Result<(Role, &Db), Problem> {
        let role: Role = producer.parse().map_err(|_| Problem::not_found("no service has this name"))?;
        let db =
            self.logs.get(&role).ok_or_else(|| Problem::unavailable("this service does not run here"))?;
        Ok((role, db))
    }
}

#[tonic::async_trait]
impl EventLog for EventLogs {
    async fn events(&self, request: Request<wire::EventsRequest>) -> Reply<wire::EventsResponse> {
        serve(&self.clock, request, async |cx, request| {
            cx.require_service(&Role::ALL)?;
            let (_, db) = self.log(&request.producer)?;
            let limit = if request.limit == 0 { USUAL } else { request.limit.clamp(1, MOST) };
            let records = db.events_after(request.after_seq, limit).await?;
            Ok(wire::EventsResponse { events: records.into_iter().map(encode).collect() })
        })
        .await
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<wire::Ring, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<wire::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watched = serve(&self.clock, request, async |cx, request| {
            cx.require_service(&Role::ALL)?;
            let (role, _) = self.log(&request.producer)?;
            Ok(self.cache.listen(&channel(role)))
        });
        let rings = BroadcastStream::new(watched.await?.into_inner()).map(|_| Ok(wire::Ring {}));
        let tasks = self.tasks.clone();
        let until_stopped = futures::StreamExt::take_until(rings, async move { tasks.stopping().await });
        Ok(Response::new(Box::pin(until_stopped)))
    }

    async fn acknowledge(
        &self,
        request: Request<wire::AcknowledgeRequest>,
    ) -> Reply<wire::AcknowledgeResponse> {
        serve(&self.clock, request, async |cx, request| {
            cx.require_service(&Role::ALL)?;
            let (_, db) = self.log(&request.producer)?;
            db.acknowledge(&request.consumer, request.seq).await?;
            Ok(wire::AcknowledgeResponse {})
        })
        .await
    }
}

fn encode(record: Record) -> wire::Event {
    wire::Event {
        seq: record.seq,
        id: record.id.to_string(),
        r#type: record.kind,
        version: record.version,
        at: record.at.as_microsecond(),
        subject: record.subject.map(|id| id.to_string()).unwrap_or_default(),
        actor: record.actor,
        request_id: record.request_id,
        source: record.source.unwrap_or_default(),
        data: record.data,
    }
}

/// The contract's server around the logs.
pub(crate) fn server(logs: EventLogs) -> wire::event_log_server::EventLogServer<EventLogs> {
    wire::event_log_server::EventLogServer::from_arc(Arc::new(logs))
}
