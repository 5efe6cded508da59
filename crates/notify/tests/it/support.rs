//! A notify of its own for each test, and the services that it asks, played.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::serve::ListenerExt as _;
use denizen_db::{Db, Secrets};
use denizen_kit::caller::{Caller, Permission, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::{Call, Cx};
use denizen_kit::id::{UserId, uuid_v7};
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Root};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use denizen_notify::model::Channel;
use denizen_notify::ops::claim_due::claim_due;
use denizen_notify::ops::deliver::deliver;
use denizen_notify::ops::take_events::take_events;
use denizen_notify::{App, Config, Keys, MIGRATIONS};
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::events::internal::v1::event_log_server::EventLogServer;
use denizen_rpc::notify::internal::v1 as p;
use denizen_rpc::otp::internal::v1::codes_server::CodesServer;
use denizen_rpc::password::internal::v1::credentials_server::CredentialsServer;
use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::{Link, Links, Services, Signer, problem_from};
use futures::Stream;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::service::Routes;

#[path = "peers.rs"]
mod peers;
pub(crate) use peers::Peers;

/// A stream of a stand-in.
pub(crate) type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, tonic::Status>> + Send>>;

/// How calls go to notify, and from it to the others.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Within the process.
    Local,
    /// Through a socket, each caller signed and verified.
    Remote,
}

/// The other services, the clock and the database, of which several notifies can be started.
pub(crate) struct World {
    pub(crate) peers: Peers,
    pub(crate) clock: Clock,
    pub(crate) folder: TempDir,
    database: denizen_db::Config,
    service: &'static str,
    links: Links,
    services: Services,
    _tasks: Tasks,
}

/// A world for each engine that can be had, with each link.
#[expect(clippy::disallowed_methods, reason = "tests have no settings; the variable names their server")]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn worlds() -> Vec<World> {
    let mut engines = vec![None];
    match std::env::var("DENIZEN_TEST_DATABASE_URL") {
        Ok(url) => engines.push(Some(url)),
        Err(_) => eprintln!("skipped on PostgreSQL: DENIZEN_TEST_DATABASE_URL is not set"),
    }
    let both = |url: Option<String>| [Way::Local, Way::Remote].map(|way| World::new(url.clone(), way));
    engines.into_iter().flat_map(both).collect()
}

/// The way to the services.
fn link(way: Way, services: &Services, signer: &Signer, tasks: &Tasks) -> Link {
    if way == Way::Local {
        return Link::Local(services.clone());
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let targets = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = axum::Router::new().fallback_service(services.network(signer.clone(), ROLES.to_vec()));
    let listener = TcpListener::from_std(listener).unwrap();
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    tasks.spawn_until_stopped("test.services", async move { drop(axum::serve(listener, router).await) });
    Link::Remote(denizen_upstream::channel(&targets, tasks))
}

/// The roles that are there.
const ROLES: [Role; 5] = [Role::Users, Role::Auth, Role::Otp, Role::Password, Role::Notify];

impl World {
    fn new(url: Option<String>, way: Way) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut random = [0; 8];
        denizen_kit::seal::random(&mut random);
        let service = format!("notify_{:016x}", u64::from_be_bytes(random));
        let clock = Clock::manual("2026-03-01T12:00:00Z".parse().unwrap());
        let services = Services::new();
        let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
        let tasks = Tasks::new();
        let link = link(way, &services, &signer, &tasks);
        let table: HashMap<_, _> = ROLES.into_iter().map(|role| (role, link.clone())).collect();
        Self {
            peers: Peers::default(),
            database: denizen_db::Config {
                url,
                data_dir: folder.path().to_owned(),
                fast: true,
                bulk: false,
                pool: 4,
            },
            links: Links::new(Role::Notify, Arc::new(table), signer),
            service: service.leak(),
            folder,
            clock,
            services,
            _tasks: tasks,
        }
    }

    /// A notify in development, with settings of its own.
    pub(crate) async fn start(&self, change: impl FnOnce(&mut Config)) -> Arc<App> {
        let mut config = Config::read(&mut Settings::load("", []));
        config.public_url = "https://id.example.test".into();
        config.mailbox = true;
        change(&mut config);
        let secrets = Secrets { events: Key::from_bytes([2; 32]), replies: Key::from_bytes([3; 32]) };
        let db = Db::connect(&self.database, self.service, &secrets, MIGRATIONS).await.unwrap();
        let keys = Keys::new(&Root::new(Key::from_bytes([4; 32])), &self.links);
        let app = App::new(db, self.links.clone(), self.clock.clone(), config, keys);
        let app = Arc::new(app);
        let mut routes = Routes::builder();
        routes.add_service(DirectoryServer::new(self.peers.clone()));
        routes.add_service(CodesServer::new(self.peers.clone()));
        routes.add_service(CredentialsServer::new(self.peers.clone()));
        routes.add_service(EventLogServer::new(self.peers.clone()));
        denizen_notify::add_routes(&app, &mut routes);
        self.services.fill(routes.routes());
        app
    }

    /// What the mailbox shows to a role.
    pub(crate) async fn mailbox(&self, role: Role, to: &str) -> Result<Vec<p::Message>, Problem> {
        let call = Cx::job(role, &self.clock).call().clone();
        let request = p::ListMessagesRequest { to: to.into(), limit: 0 };
        let answer = self.links.of(role).mailbox(&call).list_messages(request).await;
        Ok(answer.map_err(problem_from)?.into_inner().items)
    }

    /// A call of a person who holds these permissions.
    pub(crate) fn call_of(&self, permissions: &[Permission]) -> Arc<Call> {
        let person = Person {
            user_id: person(9),
            session_id: None,
            roles: Vec::new(),
            permissions: Permissions::of(permissions),
            auth_time: self.clock.now(),
            amr: Vec::new(),
        };
        let caller = Caller { service: Role::Gateway, person: Some(Arc::new(person)) };
        let call = Cx::job(Role::Gateway, &self.clock).call().clone();
        Arc::new(Call { caller, ..Call::clone(&call) })
    }

    /// The contracts as the gateway has them.
    pub(crate) fn edge(&self) -> Links {
        self.links.of(Role::Gateway)
    }

    /// The database's files, byte by byte; empty on PostgreSQL.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }
}

/// A job's context.
pub(crate) fn job(app: &App) -> Cx {
    Cx::job(Role::Notify, &app.clock)
}

/// An event of a service about a person.
#[expect(clippy::needless_pass_by_value, reason = "it is written with json! at each call")]
pub(crate) fn event(seq: i64, kind: &str, subject: &str, data: serde_json::Value) -> Event {
    Event { seq, r#type: kind.into(), subject: subject.into(), data: data.to_string(), ..Event::default() }
}

/// Lets notify take events.
pub(crate) async fn take(app: &App, producer: Role, events: &[Event]) {
    take_events(app, &job(app), producer, events).await.unwrap();
}

/// Tries all messages that are due; how many.
pub(crate) async fn send_due(app: &App) -> usize {
    let mut count = 0;
    loop {
        let mut claimed = Vec::new();
        for channel in Channel::ALL {
            claimed.extend(claim_due(app, &job(app), channel, 8).await.unwrap());
        }
        if claimed.is_empty() {
            return count;
        }
        for message in claimed {
            deliver(app, &message).await.unwrap();
            count += 1;
        }
    }
}

/// What notify has told: type and data.
pub(crate) async fn told(app: &App) -> Vec<(String, serde_json::Value)> {
    app.db.sequence().await.unwrap();
    let records = app.db.events_after(0, 100).await.unwrap();
    records.into_iter().map(|record| (record.kind, serde_json::from_str(&record.data).unwrap())).collect()
}

/// A person's id.
pub(crate) fn person(n: u8) -> UserId {
    UserId::from_uuid(uuid_v7(Timestamp::UNIX_EPOCH, [n; 10]))
}

/// A value that tests look into while stand-ins write it.
pub(crate) type Shared<T> = Arc<Mutex<T>>;
