//! A node that runs audit beside the [`World`], and callers to ask it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use denizen_audit::{App, Config, Keys, MIGRATIONS, Notary};
use denizen_cache::Cache;
use denizen_db::{Db, Secrets, args};
use denizen_kit::caller::{Caller, Permission, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::Call;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Root};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Deadline, Timestamp};
use denizen_rpc::audit::internal::v1::reports_client::ReportsClient;
use denizen_rpc::audit::internal::v1::{Refusal, ReportPurgeRequest, ReportRefusalsRequest};
use denizen_rpc::audit::v1 as p;
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::events::internal::v1::event_log_server::EventLogServer;
use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::{Link, Links, Services, Signer, problem_from};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::world::World;

pub(crate) const ADA: &str = "0192aa00-0000-7000-8000-00000000000a";
pub(crate) const BOB: &str = "0192aa00-0000-7000-8000-00000000000b";
pub(crate) const CLERK: &str = "0192aa00-0000-7000-8000-00000000000c";

/// 2023-11-14T22:13:20Z in microseconds.
pub(crate) const START: i64 = 1_700_000_000_000_000;

pub(crate) struct Node {
    pub(crate) app: Arc<App>,
    pub(crate) world: World,
    pub(crate) tasks: Tasks,
    services: Services,
    place: Where,
    _folder: tempfile::TempDir,
}

/// Where the services are for each other.
#[derive(Clone, Copy, Debug)]
enum Where {
    /// In one process.
    Here,
    /// Behind a socket, audit itself too.
    Elsewhere,
}

/// A fresh node on each engine, for what does not go through calls.
pub(crate) async fn local_nodes() -> Vec<Node> {
    let mut nodes = nodes().await;
    nodes.retain(|node| matches!(node.place, Where::Here));
    nodes
}

/// A fresh node on each engine that can be tested here, by calls in the process and by calls over the network.
#[expect(clippy::print_stderr, reason = "who runs the tests must see what was not tested")]
#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
pub(crate) async fn nodes() -> Vec<Node> {
    let mut urls = vec![None];
    match std::env::var("DENIZEN_TEST_DATABASE_URL") {
        Ok(url) => urls.push(Some(url)),
        Err(_) => eprintln!("DENIZEN_TEST_DATABASE_URL is not set: PostgreSQL is not tested"),
    }
    let mut nodes = Vec::new();
    for url in urls {
        nodes.push(Node::new(url.clone(), Where::Here).await);
        nodes.push(Node::new(url, Where::Elsewhere).await);
    }
    nodes
}

impl Node {
    async fn new(url: Option<String>, place: Where) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(Timestamp::from_microsecond(START).expect("a time"));
        let root = Root::new(Key::from_bytes([7; 32]));
        let (world, services, tasks) = (World::new(), Services::new(), Tasks::new());
        let signer = Signer::new(root.callers(), clock.clone());
        let link = match place {
            Where::Here => Link::Local(services.clone()),
            Where::Elsewhere => serve(&services, &signer, &tasks).await,
        };
        let links: HashMap<Role, Link> = Role::ALL.into_iter().map(|role| (role, link.clone())).collect();
        let links = Links::new(Role::Audit, Arc::new(links), signer);

        let config =
            denizen_db::Config { url, data_dir: folder.path().to_owned(), fast: true, bulk: false, pool: 4 };
        let secrets = Secrets { events: root.events(), replies: root.service("replies") };
        let db = Db::connect(&config, schema(), &secrets, MIGRATIONS).await.expect("a database");
        db.start_jobs(&tasks, &clock);
        world.set_audit(db.clone());
        // Small transactions, so that batches are cut, and checkpoints within small trails.
        let mut settings = Settings::load(
            "audit.batch_entries = 100\naudit.batch_time = \"10s\"\naudit.checkpoint_entries = 100",
            [],
        );
        let app = Arc::new(App {
            db,
            cache: Cache::memory(),
            keys: Keys::new(&root, &links),
            notary: Notary::new(&root),
            links,
            clock,
            config: Config::read(&mut settings),
        });
        let mut routes = Routes::builder();
        denizen_audit::add_routes(&app, &mut routes);
        routes.add_service(EventLogServer::new(world.clone()));
        routes.add_service(DirectoryServer::new(world.clone()));
        services.fill(routes.routes());
        Self { app, world, tasks, services, place, _folder: folder }
    }

    /// Starts the followers and an appender; again for a second replica.
    pub(crate) fn start(&self) {
        denizen_audit::start_jobs(&self.app, &self.tasks);
    }

    pub(crate) async fn stop(self) {
        self.tasks.stop().await;
        self.services.clear();
        self.app.db.close().await;
    }

    pub(crate) async fn list(
        &self,
        call: &Arc<Call>,
        request: p::ListEntriesRequest,
    ) -> Result<p::ListEntriesResponse, Problem> {
        let answer = self.app.links.audit(call).list_entries(request).await;
        answer.map(tonic::Response::into_inner).map_err(problem_from)
    }

    /// All pages of a list.
    pub(crate) async fn list_all(&self, request: p::ListEntriesRequest) -> Vec<p::Entry> {
        let (call, mut request, mut entries) = (reader(), request, Vec::new());
        loop {
            let page = self.list(&call, request.clone()).await.expect("the list answers");
            entries.extend(page.entries);
            if page.next_cursor.is_empty() {
                return entries;
            }
            request.cursor = page.next_cursor;
        }
    }

    pub(crate) async fn verify(&self) -> p::VerifyChainResponse {
        self.verify_as(p::VerifyChainRequest::default()).await
    }

    pub(crate) async fn verify_as(&self, request: p::VerifyChainRequest) -> p::VerifyChainResponse {
        let answer = self.app.links.audit(&reader()).verify_chain(request).await;
        answer.expect("the walk answers").into_inner()
    }

    /// Tells counts as the gateway does.
    pub(crate) async fn report(&self, call: Arc<Call>, refusals: Vec<Refusal>) -> Result<(), Problem> {
        let mut reports = ReportsClient::new(self.app.links.peer_as(Role::Audit, call));
        let answer = reports.report_refusals(ReportRefusalsRequest { refusals }).await;
        answer.map(drop).map_err(problem_from)
    }

    /// Tells a purge as the gateway does.
    pub(crate) async fn report_purge(&self, call: Arc<Call>, by: &str) -> Result<(), Problem> {
        let mut reports = ReportsClient::new(self.app.links.peer_as(Role::Audit, call));
        let answer = reports.report_purge(ReportPurgeRequest { by: by.to_owned(), count: 3 }).await;
        answer.map(drop).map_err(problem_from)
    }

    /// Changes the schema behind the service's back.
    pub(crate) async fn alter(&self, sql: &'static str) {
        let mut tx = self.app.db.write().await.expect("a write");
        tx.exec(sql, args![]).await.expect("the statement runs");
        tx.commit().await.expect("a commit");
    }

    /// Changes the tables behind the service's back.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        let mut tx = self.app.db.write().await.expect("a write");
        assert!(tx.exec(sql, args![]).await.expect("the statement runs") > 0, "{sql} changed nothing");
        tx.commit().await.expect("a commit");
    }
}

/// Serves all behind a socket.
async fn serve(services: &Services, signer: &Signer, tasks: &Tasks) -> Link {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = format!("http://{}", listener.local_addr().expect("an address"));
    let network = services.network(signer.clone(), Role::ALL.to_vec());
    let router = axum::Router::new().fallback_service(network);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Link::Remote(denizen_upstream::channel(&target.parse().expect("a target"), tasks))
}

/// A schema of its own for each test on a shared server.
fn schema() -> &'static str {
    let mut random = [0; 8];
    denizen_kit::seal::random(&mut random);
    Box::leak(format!("audit_{:016x}", u64::from_be_bytes(random)).into_boxed_str())
}

/// A caller with these permissions, or nobody.
pub(crate) fn call(person: Option<(&str, &[Permission])>) -> Arc<Call> {
    let person = person.map(|(user_id, permissions)| {
        Arc::new(Person {
            user_id: user_id.parse().expect("a user id"),
            session_id: None,
            roles: Vec::new(),
            permissions: Permissions::of(permissions),
            auth_time: Timestamp::UNIX_EPOCH,
            amr: Vec::new(),
        })
    });
    Arc::new(Call {
        caller: Caller { service: Role::Gateway, person },
        request_id: "request-of-the-test".into(),
        ip: Some([192, 0, 2, 1].into()),
        user_agent: None,
        trace: None,
        deadline: Deadline::within(Duration::from_secs(10)),
        idempotency: None,
    })
}

/// A caller who may read the trail.
pub(crate) fn reader() -> Arc<Call> {
    call(Some((CLERK, &[Permission::AuditRead])))
}

/// An event, so many microseconds after [`START`].
pub(crate) fn event(number: u64, kind: &str, subject: &str, actor: &str) -> Event {
    Event {
        seq: 0,
        id: format!("0192aa01-0000-7000-8000-{number:012x}"),
        r#type: kind.to_owned(),
        version: 1,
        at: START + i64::try_from(number).expect("a small number"),
        subject: subject.to_owned(),
        actor: actor.to_owned(),
        request_id: format!("request-{number}"),
        source: Vec::new(),
        data: format!(r#"{{"number":{number}}}"#),
    }
}

/// The event, called from this address.
pub(crate) fn from_address(event: Event, address: &str) -> Event {
    let key = Root::new(Key::from_bytes([7; 32])).events();
    Event { source: key.seal_text(b"events/source", address), ..event }
}
