//! A service that does what a test asks by the producer's name, here or behind a socket.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::{Call, Cx};
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_kit::trace::{Records, Tracer};
use denizen_rpc::events::internal::v1 as wire;
use denizen_rpc::events::internal::v1::event_log_client::EventLogClient;
use denizen_rpc::events::internal::v1::event_log_server::{EventLog, EventLogServer};
use denizen_rpc::{Link, Links, Reply, Services, Signer, serve};
use futures::Stream;
use tokio::sync::Notify;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// The service, and what tests look at.
pub(crate) struct House {
    pub(crate) seen: Arc<Mutex<Option<Call>>>,
    pub(crate) entered: Arc<Notify>,
    pub(crate) gate: Arc<Notify>,
    pub(crate) finished: Arc<Notify>,
    /// The spans of both sides.
    pub(crate) records: Records,
    tracer: Tracer,
    link: Link,
    _tasks: Tasks,
}

/// Runs a test on both links.
pub(crate) async fn everywhere(test: impl AsyncFn(&House)) {
    println!("--- local");
    test(&House::local()).await;
    println!("--- remote");
    test(&House::remote().await).await;
}

pub(crate) fn signer(key: [u8; 32]) -> Signer {
    Signer::new(Key::from_bytes(key), Clock::System)
}

// === impl House ===

impl House {
    fn new() -> (Self, Services) {
        let (tracer, records) = Tracer::new("0".parse().unwrap(), Clock::System);
        let services = Services::traced(tracer.clone());
        let house = Self {
            seen: Arc::default(),
            entered: Arc::default(),
            gate: Arc::default(),
            finished: Arc::default(),
            records,
            tracer,
            link: Link::Local(services.clone()),
            _tasks: Tasks::new(),
        };
        let log = Log {
            seen: house.seen.clone(),
            entered: house.entered.clone(),
            gate: house.gate.clone(),
            finished: house.finished.clone(),
        };
        let mut routes = Routes::builder();
        routes.add_service(EventLogServer::new(log));
        services.fill(routes.routes());
        (house, services)
    }

    pub(crate) fn local() -> Self {
        Self::new().0
    }

    pub(crate) async fn remote() -> Self {
        let (house, services) = Self::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router =
            axum::Router::new().fallback_service(services.network(signer([1; 32]), vec![Role::Users]));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let tasks = Tasks::new();
        let targets = format!("http://{address}").parse().unwrap();
        let link = Link::Remote(denizen_upstream::channel(&targets, &tasks));
        Self { link, _tasks: tasks, ..house }
    }

    pub(crate) fn table(&self) -> Arc<HashMap<Role, Link>> {
        self.table_for(Role::Users)
    }

    pub(crate) fn table_for(&self, role: Role) -> Arc<HashMap<Role, Link>> {
        Arc::new(HashMap::from([(role, self.link.clone())]))
    }

    pub(crate) fn log(&self, cx: &Cx) -> EventLogClient {
        let links = Links::new(Role::Audit, self.table(), signer([1; 32])).traced(self.tracer.clone());
        links.event_log(Role::Users, cx)
    }
}

struct Log {
    seen: Arc<Mutex<Option<Call>>>,
    entered: Arc<Notify>,
    gate: Arc<Notify>,
    finished: Arc<Notify>,
}

#[tonic::async_trait]
impl EventLog for Log {
    async fn events(&self, request: Request<wire::EventsRequest>) -> Reply<wire::EventsResponse> {
        serve(&Clock::System, request, async |cx, request| {
            match request.producer.as_str() {
                "panic" => panic!("as the test asks"),
                "hang" => std::future::pending().await,
                "problem" => {
                    return Err(Problem::invalid("/email", "taken", "choose another")
                        .retry_in(Duration::from_secs(7)));
                }
                _ => *self.seen.lock().unwrap() = Some(Call::clone(cx.call())),
            }
            Ok(wire::EventsResponse::default())
        })
        .await
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<wire::Ring, Status>> + Send>>;

    async fn watch(&self, _: Request<wire::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let rings = futures::stream::iter((0..3).map(|_| Ok(wire::Ring {})));
        Ok(Response::new(Box::pin(rings)))
    }

    async fn acknowledge(&self, _: Request<wire::AcknowledgeRequest>) -> Reply<wire::AcknowledgeResponse> {
        self.entered.notify_one();
        self.gate.notified().await;
        self.finished.notify_one();
        Ok(Response::new(wire::AcknowledgeResponse {}))
    }
}
