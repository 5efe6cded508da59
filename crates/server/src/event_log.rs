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

/// How many are read at once, and after how many bytes of them an answer is full: an event of an import is as large as a
/// hundred others.
const PART: i32 = 32;
const FULL: usize = 256 * 1024;

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
            let records = records(db, request.after_seq, limit).await?;
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

/// The records after a place: at most so many, and fewer when they are large.
async fn records(db: &Db, after: i64, limit: i32) -> denizen_db::Result<Vec<Record>> {
    let most = usize::try_from(limit).unwrap_or(0);
    let (mut records, mut bytes): (Vec<Record>, usize) = (Vec::new(), 0);
    while records.len() < most && bytes < FULL {
        let after = records.last().map_or(after, |record| record.seq);
        let wanted = limit.min(PART);
        let part = db.events_after(after, wanted).await?;
        let is_last = part.len() < usize::try_from(wanted).unwrap_or(0);
        bytes += part.iter().map(|record| record.data.len()).sum::<usize>();
        records.extend(part);
        if is_last {
            break;
        }
    }
    records.truncate(most);
    Ok(records)
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

#[cfg(test)]
mod tests {
    use denizen_db::{Config, Event, Secrets};
    use denizen_kit::cx::Cx;
    use denizen_kit::id::UserId;
    use denizen_kit::seal::Key;
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Told {
        text: String,
    }

    impl Event for Told {
        const TYPE: &'static str = "thing.told";

        fn subject(&self) -> Option<UserId> {
            None
        }
    }

    /// A log of so many events of this length.
    async fn log(folder: &std::path::Path, events: usize, length: usize) -> Db {
        let config = Config { url: None, data_dir: folder.to_owned(), fast: true, bulk: false, pool: 1 };
        let secrets = Secrets { events: Key::from_bytes([1; 32]), replies: Key::from_bytes([2; 32]) };
        let db = Db::connect(&config, "users", &secrets, &[]).await.unwrap();
        let cx = Cx::job(Role::Users, &Clock::System);
        let mut tx = db.write().await.unwrap();
        for _ in 0..events {
            tx.emit(&cx, Told { text: "x".repeat(length) });
        }
        tx.commit().await.unwrap();
        db.sequence().await.unwrap();
        db
    }

    #[tokio::test]
    async fn large_events_come_a_few_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let db = log(folder.path(), 100, 20_000).await;
        let mut seqs = Vec::new();
        loop {
            let part = records(&db, seqs.last().copied().unwrap_or(0), USUAL).await.unwrap();
            assert!(part.len() <= 32, "{}", part.len());
            if part.is_empty() {
                break;
            }
            seqs.extend(part.into_iter().map(|record| record.seq));
        }
        assert_eq!(seqs, (1..=100).collect::<Vec<i64>>());
    }

    #[tokio::test]
    async fn small_events_come_as_many_as_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let db = log(folder.path(), 100, 1).await;
        assert_eq!(records(&db, 0, USUAL).await.unwrap().len(), 100);
        assert_eq!(records(&db, 10, 40).await.unwrap().last().map(|record| record.seq), Some(50));
    }
}
