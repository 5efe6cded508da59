//! One service on databases of its own, with a clock that the test moves.

use std::collections::HashMap;
use std::sync::Arc;

use denizen_cache::Cache;
use denizen_db::Db;
use denizen_kit::bell::Bell;
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::{Call, DEFAULT_DEADLINE, Idempotency};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::{Key, Root, sha256};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Deadline, Timestamp};
use denizen_rpc::auth::internal::v1::sessions_server::SessionsServer;
use denizen_rpc::events::internal::v1::event_log_server::EventLogServer;
use denizen_rpc::otp::internal::v1::codes_server::CodesServer;
use denizen_rpc::password::internal::v1::credentials_server::CredentialsServer;
use denizen_rpc::users::internal::v1::access_client::AccessClient;
use denizen_rpc::users::internal::v1::directory_client::DirectoryClient;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::administration_client::AdministrationClient;
use denizen_rpc::users::v1::profiles_client::ProfilesClient;
use denizen_rpc::users::v1::transfer_client::TransferClient;
use denizen_rpc::users::v1::users_client::UsersClient;
use denizen_rpc::{Links, Reply, Services, Signer, problem_from};
use denizen_storage::Store;
use denizen_users::{App, Config, KEYS_MIGRATIONS, Keys, MIGRATIONS, Pictures};
use tonic::Response;
use tonic::service::Routes;

use crate::peers::{FakeCodes, FakeCredentials, FakeLog, FakeSessions, PASSWORD, World};
use crate::place::{Place, database, link, places};

/// The service and what is around it.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) world: Arc<World>,
    pub(crate) clock: Clock,
    pub(crate) keys_db: Db,
    pub(crate) tasks: Tasks,
    links: Links,
    services: Services,
    _link_tasks: Tasks,
    _folder: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        self.services.clear();
    }
}

/// Runs a test at each place.
pub(crate) async fn everywhere(test: impl AsyncFn(&House)) {
    for place in places() {
        println!("--- {place:?}");
        let house = House::new(place, |_| {}).await;
        test(&house).await;
        house.tasks.stop().await;
    }
}

/// A folder of objects.
fn objects(folder: &tempfile::TempDir) -> Store {
    let config = denizen_storage::Config::read(&mut Settings::load("", []));
    Store::open(&config, folder.path()).unwrap()
}

// === impl House ===

impl House {
    /// A service whose settings are changed.
    pub(crate) async fn new(place: Place, change: impl Fn(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let services = Services::new();
        let roles = [Role::Auth, Role::Users, Role::Password, Role::Otp];
        let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
        let link_tasks = Tasks::new();
        let link = link(place.way, &services, &signer, &roles, &link_tasks).await;
        let table: HashMap<_, _> = roles.into_iter().map(|role| (role, link.clone())).collect();
        let links = Links::new(Role::Gateway, Arc::new(table), signer);

        let mut config = Config::read(&mut Settings::load("", []));
        change(&mut config);
        let keys_db = database(&place.engine, &folder, "keys", KEYS_MIGRATIONS).await;
        let app = Arc::new(App {
            db: database(&place.engine, &folder, "users", MIGRATIONS).await,
            cache: Cache::memory(),
            objects: objects(&folder),
            pictures: Pictures::default(),
            links: links.of(Role::Users),
            clock: clock.clone(),
            config,
            keys: Keys::new(&Root::new(Key::from_bytes([2; 32])), keys_db.clone()),
            access: Bell::default(),
            turns: Arc::default(),
        });
        let world = Arc::new(World::default());
        let mut routes = Routes::builder();
        denizen_users::add_routes(&app, &mut routes);
        routes.add_service(SessionsServer::new(FakeSessions(world.clone())));
        routes.add_service(CredentialsServer::new(FakeCredentials(world.clone())));
        routes.add_service(CodesServer::new(FakeCodes(world.clone())));
        routes.add_service(EventLogServer::new(FakeLog(world.clone())));
        services.fill(routes.routes());
        let tasks = Tasks::new();
        Self { app, world, clock, keys_db, tasks, links, services, _link_tasks: link_tasks, _folder: folder }
    }

    /// The public operations for a caller.
    pub(crate) fn users(&self, caller: &Caller) -> UsersClient {
        self.links.users(&Arc::new(call(caller, None)))
    }

    /// The same with an idempotency key; each `request` has another fingerprint.
    pub(crate) fn users_once(&self, caller: &Caller, key: &str, request: &str) -> UsersClient {
        let wish = Idempotency { key: key.to_owned(), fingerprint: sha256(request.as_bytes()) };
        self.links.users(&Arc::new(call(caller, Some(wish))))
    }

    /// The operations on pictures and push tokens for a caller.
    pub(crate) fn profiles(&self, caller: &Caller) -> ProfilesClient {
        self.links.profiles(&Arc::new(call(caller, None)))
    }

    /// The same with an idempotency key.
    pub(crate) fn profiles_once(&self, caller: &Caller, key: &str, request: &str) -> ProfilesClient {
        let wish = Idempotency { key: key.to_owned(), fingerprint: sha256(request.as_bytes()) };
        self.links.profiles(&Arc::new(call(caller, Some(wish))))
    }

    /// Many accounts at once, for a caller.
    pub(crate) fn transfer(&self, caller: &Caller) -> TransferClient {
        self.links.transfer(&Arc::new(call(caller, None)))
    }

    /// What administrators do, for a caller.
    pub(crate) fn administration(&self, caller: &Caller) -> AdministrationClient {
        self.links.administration(&Arc::new(call(caller, None)))
    }

    /// What gateways ask, for a service.
    pub(crate) fn access(&self, service: Role) -> AccessClient {
        let call = call(&Caller::service(service), None);
        AccessClient::new(self.links.peer_as(Role::Users, Arc::new(call)))
    }

    /// The internal operations for a service.
    pub(crate) fn directory(&self, service: Role) -> DirectoryClient {
        let call = call(&Caller::service(service), None);
        DirectoryClient::new(self.links.peer_as(Role::Users, Arc::new(call)))
    }

    /// Registers somebody with a user name and the address `{username}@example.test`.
    pub(crate) async fn register(&self, username: &str) -> wire::User {
        let account = account(username);
        self.users(&anonymous()).register(account).await.unwrap().into_inner()
    }

    /// An account with roles, made by the operator.
    pub(crate) async fn with_roles(&self, username: &str, roles: &[&str]) -> wire::User {
        let request = wire::CreateUserRequest {
            account: Some(account(username)),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Default::default()
        };
        self.users(&operator()).create_user(request).await.unwrap().into_inner()
    }

    /// The account as an administrator sees it.
    pub(crate) async fn get(&self, id: &str) -> wire::User {
        let request = wire::GetUserRequest { user_id: id.to_owned() };
        self.users(&operator()).get_user(request).await.unwrap().into_inner()
    }

    /// Who calls for an account: with its roles, who has just proved themselves.
    pub(crate) fn owner(&self, user: &wire::User) -> Caller {
        Self::owner_since(user, self.clock.now())
    }

    /// The same, who proved themselves at another time.
    pub(crate) fn owner_since(user: &wire::User, auth_time: Timestamp) -> Caller {
        let person = Person {
            user_id: user.id.parse().unwrap(),
            session_id: Some(SessionId::nil()),
            roles: user.roles.clone(),
            permissions: Permissions::of_roles(&user.roles),
            auth_time,
            amr: vec!["pwd".to_owned()],
        };
        Caller { service: Role::Gateway, person: Some(Arc::new(person)) }
    }

    /// The events so far, as (type, subject, data).
    pub(crate) async fn events(&self) -> Vec<(String, String, serde_json::Value)> {
        self.app.db.sequence().await.unwrap();
        let records = self.app.db.events_after(0, 10_000).await.unwrap();
        let told = records.into_iter().map(|record| {
            let subject = record.subject.map(|id| id.to_string()).unwrap_or_default();
            (record.kind, subject, serde_json::from_str(&record.data).unwrap())
        });
        told.collect()
    }

    /// The data of the events of a type.
    pub(crate) async fn events_of(&self, kind: &str) -> Vec<serde_json::Value> {
        let events = self.events().await;
        events.into_iter().filter(|(it, ..)| it == kind).map(|(.., data)| data).collect()
    }
}

fn call(caller: &Caller, idempotency: Option<Idempotency>) -> Call {
    Call {
        caller: caller.clone(),
        request_id: Arc::from("test"),
        ip: Some("192.0.2.7".parse().unwrap()),
        user_agent: None,
        trace: None,
        deadline: Deadline::within(DEFAULT_DEADLINE),
        idempotency,
    }
}

/// A new account.
pub(crate) fn account(username: &str) -> wire::RegisterRequest {
    wire::RegisterRequest {
        name: format!("The Person {username}"),
        email: format!("{username}@example.test"),
        username: Some(username.to_owned()),
        password: PASSWORD.to_owned(),
        ..Default::default()
    }
}

/// Somebody who is not logged in.
pub(crate) fn anonymous() -> Caller {
    Caller::service(Role::Gateway)
}

/// The operator at the command line.
pub(crate) fn operator() -> Caller {
    Caller::service(Role::Operator)
}

/// An id that nobody has.
pub(crate) fn nobody() -> String {
    UserId::from_uuid(uuid::Uuid::max()).to_string()
}

/// The answer of a call that succeeds.
#[track_caller]
pub(crate) fn done<T>(reply: Reply<T>) -> T {
    reply.map(Response::into_inner).map_err(problem_from).unwrap()
}

/// The problem of a call that fails.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(reply: Reply<T>) -> Problem {
    problem_from(reply.unwrap_err())
}

/// The code of a call that fails, and the first field that it names.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(reply: Reply<T>) -> (Code, String) {
    let problem = refused(reply);
    let pointer = problem.fields.first().map(|field| field.pointer.clone());
    (problem.code, pointer.unwrap_or_default())
}
