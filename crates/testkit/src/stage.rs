//! Where the contract suite of one service runs: on which engine its data is, and by which way its callers reach it.

use std::collections::HashMap;
use std::sync::Arc;

use denizen_db::{Config as DbConfig, Db, Migration, Record, Secrets};
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::cx::{Call, Cx};
use denizen_kit::seal::Key;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use denizen_rpc::{Link, Links, Services, Signer};
use tempfile::TempDir;
use tonic::service::Routes;

/// When the clock of a suite starts.
const START: i64 = 1_790_000_000;

/// How callers reach the service, and the service its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Within the process.
    Local,
    /// Over the network, as another process would.
    Remote,
}

/// Where a suite runs: an engine, a way, and a database of its own.
#[derive(Clone, Debug)]
pub struct Stage {
    /// How calls travel.
    pub way: Way,
    database: DbConfig,
    folder: Arc<TempDir>,
}

/// What a service on a stage works with.
#[derive(Debug)]
pub struct Wiring {
    /// Its database.
    pub db: Db,
    /// Time, which the test moves.
    pub clock: Clock,
    /// The links of its role.
    pub links: Links,
    /// Where its jobs run.
    pub tasks: Tasks,
    services: Services,
    _folder: Arc<TempDir>,
}

// === impl Stage ===

impl Stage {
    /// One for each engine at hand and each way: SQLite, and PostgreSQL where `DENIZEN_TEST_DATABASE_URL` names a
    /// server.
    ///
    /// # Panics
    /// When no database can be made.
    pub async fn all() -> Vec<Self> {
        let mut stages = Vec::new();
        for way in [Way::Local, Way::Remote] {
            stages.push(Self::new(way, None));
            if let Some(server) = server() {
                stages.push(Self::new(way, Some(fresh(&server).await)));
            }
        }
        stages
    }

    /// SQLite, within the process.
    ///
    /// # Panics
    /// When no folder can be made.
    pub fn simple() -> Self {
        Self::new(Way::Local, None)
    }

    fn new(way: Way, url: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database =
            DbConfig { url, data_dir: folder.path().join("data"), fast: false, bulk: false, pool: 4 };
        Self { way, database, folder: Arc::new(folder) }
    }

    /// The parts of the service of this role; its own contracts and its peers' are put in with [`Wiring::serve`].
    ///
    /// # Panics
    /// When the database or the listener cannot be opened.
    pub async fn wire(&self, role: Role, migrations: &'static [Migration]) -> Wiring {
        let secrets = Secrets { events: Key::from_bytes([1; 32]), replies: Key::from_bytes([2; 32]) };
        let db = Db::connect(&self.database, role.as_str(), &secrets, migrations).await.expect("a database");
        let clock = Clock::manual(Timestamp::from_second(START).expect("a time"));
        let tasks = Tasks::new();
        db.start_jobs(&tasks, &clock);
        let services = Services::new();
        let signer = || Signer::new(Key::from_bytes([3; 32]), clock.clone());
        let link = match self.way {
            Way::Local => Link::Local(services.clone()),
            Way::Remote => listen(&services, signer(), &tasks).await,
        };
        let table: HashMap<Role, Link> = Role::ALL.into_iter().map(|role| (role, link.clone())).collect();
        let links = Links::new(role, Arc::new(table), signer());
        Wiring { db, clock, links, tasks, services, _folder: self.folder.clone() }
    }
}

/// Serves the services to the network, as a process does to others, and gives the link to them.
async fn listen(services: &Services, signer: Signer, tasks: &Tasks) -> Link {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().fallback_service(services.network(signer, Role::ALL.to_vec()));
    tasks.spawn_until_stopped("test listener", async move {
        let _ = axum::serve(listener, router).await;
    });
    let targets = format!("http://{address}").parse().expect("a target");
    Link::Remote(denizen_upstream::channel(&targets, tasks))
}

// === impl Wiring ===

impl Wiring {
    /// Puts the contracts in.
    pub fn serve(&self, routes: Routes) {
        self.services.fill(routes);
    }

    /// A call by a service, for a person or nobody.
    pub fn call(&self, service: Role, person: Option<Person>) -> Call {
        let mut call = Call::clone(Cx::job(service, &self.clock).call());
        call.caller = Caller { service, person: person.map(Arc::new) };
        call
    }

    /// The events so far, once there are so many.
    ///
    /// # Panics
    /// When the database cannot be read.
    pub async fn events(&self, count: usize) -> Vec<Record> {
        let mut bell = self.db.bell();
        loop {
            let events = self.db.events_after(0, 100).await.expect("the log");
            if events.len() >= count {
                return events;
            }
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), bell.changed()).await;
        }
    }

    /// Stops the jobs and closes the database.
    pub async fn stop(self) {
        self.tasks.stop().await;
        self.services.clear();
        self.db.close().await;
    }
}

/// A person who is logged in, with a built-in role.
///
/// # Panics
/// When this is no id.
pub fn person(id: &str, role: &str) -> Person {
    Person {
        user_id: id.parse().expect("an id"),
        session_id: None,
        roles: vec![role.to_owned()],
        permissions: Permissions::of_role(role),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: Vec::new(),
    }
}

/// The PostgreSQL server to test on, if there is one.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "what the tests run on is the environment's to say"
)]
fn server() -> Option<String> {
    let server = std::env::var("DENIZEN_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty());
    if server.is_none() {
        eprintln!("skipped on PostgreSQL: DENIZEN_TEST_DATABASE_URL is not set");
    }
    server
}

/// Makes a database on the server.
async fn fresh(server: &str) -> String {
    let (client, connection) =
        tokio_postgres::connect(server, tokio_postgres::NoTls).await.expect("the server");
    let driving = tokio::spawn(connection);
    let mut random = [0; 8];
    denizen_kit::seal::random(&mut random);
    let name = format!("denizen_{:016x}", u64::from_be_bytes(random));
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    drop(client);
    let _ = driving.await;
    format!("{}/{name}", server.rsplit_once('/').expect("the address ends with a database").0)
}
