//! The other services, as far as audit sees them: their logs and the data keys of people.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use denizen_db::Db;
use denizen_kit::seal::Key;
use denizen_rpc::events::internal::v1 as e;
use denizen_rpc::events::internal::v1::event_log_server::EventLog;
use denizen_rpc::users::internal::v1 as u;
use denizen_rpc::users::internal::v1::directory_server::Directory;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

/// The other services.
#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    logs: Mutex<HashMap<String, Vec<e::Event>>>,
    keys: Mutex<HashMap<String, Key>>,
    bell: watch::Sender<u64>,
    acknowledged: watch::Sender<HashMap<String, i64>>,
    /// Audit's own log is the real one; most tests do not want to see their own readings in the trail.
    audit: OnceLock<Db>,
    shows_audit: AtomicBool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            logs: Mutex::default(),
            keys: Mutex::default(),
            bell: watch::Sender::new(0),
            acknowledged: watch::Sender::new(HashMap::new()),
            audit: OnceLock::new(),
            shows_audit: AtomicBool::new(false),
        }))
    }

    pub(crate) fn set_audit(&self, db: Db) {
        let _ = self.0.audit.set(db);
    }

    /// From now on audit's own log can be followed.
    pub(crate) fn show_audit(&self) {
        self.0.shows_audit.store(true, Ordering::Relaxed);
    }

    /// Puts events at the end of a log, numbers them, and rings.
    pub(crate) fn tell(&self, producer: &str, events: impl IntoIterator<Item = e::Event>) {
        let mut logs = self.0.logs.lock().expect("no test panics in here");
        let log = logs.entry(producer.to_owned()).or_default();
        for event in events {
            let seq = log.last().map_or(0, |last| last.seq) + 1;
            log.push(e::Event { seq, ..event });
        }
        drop(logs);
        self.0.bell.send_modify(|rings| *rings += 1);
    }

    /// Puts an event at this place of a log: what is between was lost.
    pub(crate) fn tell_at(&self, producer: &str, seq: i64, event: e::Event) {
        let mut logs = self.0.logs.lock().expect("no test panics in here");
        logs.entry(producer.to_owned()).or_default().push(e::Event { seq, ..event });
        drop(logs);
        self.0.bell.send_modify(|rings| *rings += 1);
    }

    /// Empties a log: what was set back is not taken in again.
    pub(crate) fn forget(&self, producer: &str) {
        self.0.logs.lock().expect("no test panics in here").remove(producer);
    }

    pub(crate) fn set_key(&self, person: &str, key: Key) {
        self.0.keys.lock().expect("no test panics in here").insert(person.to_owned(), key);
    }

    pub(crate) fn remove_key(&self, person: &str) {
        self.0.keys.lock().expect("no test panics in here").remove(person);
    }

    /// Waits until audit has taken in a log up to a place.
    pub(crate) async fn taken_in(&self, producer: &str, seq: i64) {
        let mut acknowledged = self.0.acknowledged.subscribe();
        let reached = acknowledged.wait_for(|seqs| seqs.get(producer).is_some_and(|reached| *reached >= seq));
        let waited = tokio::time::timeout(Duration::from_secs(20), reached).await;
        waited.expect("audit takes the events in").expect("the world stands");
    }

    /// The last number of audit's own log.
    pub(crate) async fn audit_seq(&self) -> i64 {
        let db = self.0.audit.get().expect("set at start");
        db.sequence().await.expect("the database answers");
        db.events_after(0, 1000).await.expect("the database answers").last().map_or(0, |event| event.seq)
    }

    async fn events_of(&self, request: &e::EventsRequest) -> Vec<e::Event> {
        if request.producer == "audit" && !self.0.shows_audit.load(Ordering::Relaxed) {
            return Vec::new();
        }
        if request.producer == "audit" {
            let db = self.0.audit.get().expect("set at start");
            let records =
                db.events_after(request.after_seq, request.limit).await.expect("the database answers");
            return records.into_iter().map(wire).collect();
        }
        let logs = self.0.logs.lock().expect("no test panics in here");
        let log = logs.get(&request.producer).map(Vec::as_slice).unwrap_or_default();
        let after = log.iter().filter(|event| event.seq > request.after_seq);
        after.take(usize::try_from(request.limit).unwrap_or(0)).cloned().collect()
    }
}

fn wire(record: denizen_db::Record) -> e::Event {
    e::Event {
        seq: record.seq,
        id: record.id.to_string(),
        r#type: record.kind,
        version: record.version,
        at: record.at.as_microsecond(),
        subject: record.subject.map(|person| person.to_string()).unwrap_or_default(),
        actor: record.actor,
        request_id: record.request_id,
        source: record.source.unwrap_or_default(),
        data: record.data,
    }
}

#[tonic::async_trait]
impl EventLog for World {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<e::Ring, Status>> + Send>>;

    async fn events(
        &self,
        request: Request<e::EventsRequest>,
    ) -> Result<Response<e::EventsResponse>, Status> {
        let events = self.events_of(request.get_ref()).await;
        Ok(Response::new(e::EventsResponse { events }))
    }

    async fn watch(&self, request: Request<e::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let bell = match self.0.audit.get() {
            Some(db) if request.get_ref().producer == "audit" => db.bell(),
            _ => self.0.bell.subscribe(),
        };
        Ok(Response::new(Box::pin(WatchStream::new(bell).map(|_| Ok(e::Ring {})))))
    }

    async fn acknowledge(
        &self,
        request: Request<e::AcknowledgeRequest>,
    ) -> Result<Response<e::AcknowledgeResponse>, Status> {
        let request = request.into_inner();
        assert_eq!(request.consumer, "audit");
        // As the real log does it: of two followers the slower one takes nothing back.
        self.0.acknowledged.send_modify(|seqs| {
            let reached = seqs.entry(request.producer).or_default();
            *reached = request.seq.max(*reached);
        });
        Ok(Response::new(e::AcknowledgeResponse {}))
    }
}

#[tonic::async_trait]
impl Directory for World {
    async fn lookup(&self, _: Request<u::LookupRequest>) -> Result<Response<u::LookupResponse>, Status> {
        Err(Status::unimplemented("audit does not ask this"))
    }

    async fn get_contact(&self, _: Request<u::GetContactRequest>) -> Result<Response<u::Contact>, Status> {
        Err(Status::unimplemented("audit does not ask this"))
    }

    async fn prove_mailbox(
        &self,
        _: Request<u::ProveMailboxRequest>,
    ) -> Result<Response<u::ProveMailboxResponse>, Status> {
        Err(Status::unimplemented("audit does not ask this"))
    }

    async fn data_keys(
        &self,
        request: Request<u::DataKeysRequest>,
    ) -> Result<Response<u::DataKeysResponse>, Status> {
        let held = self.0.keys.lock().expect("no test panics in here");
        let wanted = request.into_inner().user_ids.into_iter();
        let found =
            wanted.filter_map(|user_id| held.get(&user_id).map(|key| (user_id, key.expose().to_vec())));
        let keys = found.map(|(user_id, key)| u::DataKey { user_id, key }).collect();
        Ok(Response::new(u::DataKeysResponse { keys, ..u::DataKeysResponse::default() }))
    }
}
