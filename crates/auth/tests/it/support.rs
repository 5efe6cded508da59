//! One service on a database of its own, with a clock that the test moves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use denizen_auth::{App, Config, Keys, MIGRATIONS};
use denizen_db::{Db, Record, Secrets};
use denizen_kit::caller::{Caller, Permission, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Root};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Deadline, Timestamp};
use denizen_rpc::auth::internal::v1::activity_client::ActivityClient;
use denizen_rpc::auth::internal::v1::sessions_client::SessionsClient;
use denizen_rpc::auth::internal::v1::signing_client::SigningClient;
use denizen_rpc::auth::v1 as p;
use denizen_rpc::auth::v1::auth_client::AuthClient;
use denizen_rpc::auth::v1::factors_client::FactorsClient;
use denizen_rpc::auth::v1::service_accounts_client::ServiceAccountsClient;
use denizen_rpc::events::internal::v1::event_log_server::EventLogServer;
use denizen_rpc::otp::internal::v1::codes_server::CodesServer;
use denizen_rpc::password::internal::v1::credentials_server::CredentialsServer;
use denizen_rpc::users::internal::v1::access_server::AccessServer;
use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::{Links, Services, Signer, problem_from};
use tonic::service::Routes;

use crate::log::FakeLog;
use crate::peers::{FakeAccess, FakeCodes, FakeCredentials, FakeDirectory, PASSWORD, World};
use crate::place::{database, link};

pub(crate) use crate::place::{Place, places};

/// The `iss` of tokens here.
pub(crate) const ISSUER: &str = "https://id.example.test";

/// The service and what is around it.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) world: Arc<World>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    links: Links,
    services: Services,
    place: Place,
    folder: Arc<tempfile::TempDir>,
    /// How many markers were set in the log.
    marked: AtomicUsize,
    _link_tasks: Tasks,
}

/// What a service stands on.
struct Ground {
    place: Place,
    db: Db,
    config: Config,
    clock: Clock,
    world: Arc<World>,
    folder: Arc<tempfile::TempDir>,
}

fn root() -> Root {
    Root::new(Key::from_bytes([2; 32]))
}

impl Drop for House {
    fn drop(&mut self) {
        self.services.clear();
    }
}

// === impl House ===

impl House {
    /// A service with the default settings.
    pub(crate) async fn new(place: Place) -> Self {
        Self::with(place, |_| {}).await
    }

    /// A service whose settings are changed.
    pub(crate) async fn with(place: Place, change: impl Fn(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let secrets = Secrets { events: root().events(), replies: root().service("auth/replies") };
        let (database, name) = database(place.engine.clone(), &folder);
        let db = Db::connect(&database, name, &secrets, MIGRATIONS).await.unwrap();
        let mut config = Config::read(&mut Settings::load("", []));
        ISSUER.clone_into(&mut config.issuer);
        change(&mut config);
        Self::stand(Ground { place, db, config, clock, world: Arc::default(), folder }).await
    }

    /// Another replica of the service: the same database, other settings, and nothing else in common.
    pub(crate) async fn twin(&self, change: impl Fn(&mut Config)) -> Self {
        let mut config = self.app.config.clone();
        change(&mut config);
        let (db, clock, world) = (self.app.db.clone(), self.clock.clone(), self.world.clone());
        let (place, folder) = (self.place.clone(), self.folder.clone());
        Self::stand(Ground { place, db, config, clock, world, folder }).await
    }

    async fn stand(ground: Ground) -> Self {
        let Ground { place, db, config, clock, world, folder } = ground;
        let services = Services::new();
        let roles = [Role::Auth, Role::Users, Role::Password, Role::Otp];
        let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
        let link_tasks = Tasks::new();
        let link = link(place.way, &services, &signer, &roles, &link_tasks).await;
        let table: HashMap<_, _> = roles.into_iter().map(|role| (role, link.clone())).collect();
        let links = Links::new(Role::Gateway, Arc::new(table), signer);
        let own = links.of(Role::Auth);
        let keys = Keys::new(&root(), &own);
        let app = Arc::new(App::new(db, own, clock.clone(), config, keys));

        let mut routes = Routes::builder();
        denizen_auth::add_routes(&app, &mut routes);
        routes.add_service(AccessServer::new(FakeAccess(world.clone())));
        routes.add_service(DirectoryServer::new(FakeDirectory(world.clone())));
        routes.add_service(CredentialsServer::new(FakeCredentials(world.clone())));
        routes.add_service(CodesServer::new(FakeCodes(world.clone())));
        routes.add_service(EventLogServer::new(FakeLog(world.clone())));
        services.fill(routes.routes());
        Self {
            app,
            world,
            clock,
            tasks: Tasks::new(),
            links,
            services,
            place,
            folder,
            marked: AtomicUsize::new(0),
            _link_tasks: link_tasks,
        }
    }

    /// The internal operations on signing keys, for a service.
    pub(crate) fn signing(&self, service: Role) -> SigningClient {
        let call = call(Caller::service(service));
        SigningClient::new(self.links.peer_as(Role::Auth, Arc::new(call)))
    }

    /// The public operations for a caller.
    pub(crate) fn auth(&self, caller: &Caller) -> AuthClient {
        self.links.auth(&Arc::new(call(caller.clone())))
    }

    /// The operations on second factors for a caller.
    pub(crate) fn factors(&self, caller: &Caller) -> FactorsClient {
        self.links.factors(&Arc::new(call(caller.clone())))
    }

    /// The operations on service accounts for a caller.
    pub(crate) fn service_accounts(&self, caller: &Caller) -> ServiceAccountsClient {
        self.links.service_accounts(&Arc::new(call(caller.clone())))
    }

    /// What gateways tell of the use of sessions, for a service.
    pub(crate) fn activity(&self, service: Role) -> ActivityClient {
        let call = call(Caller::service(service));
        ActivityClient::new(self.links.peer_as(Role::Auth, Arc::new(call)))
    }

    /// The public operations for somebody who is not logged in, at a place.
    pub(crate) fn auth_from(&self, ip: &str, user_agent: &str) -> AuthClient {
        let ip = Some(ip.parse().unwrap());
        self.links.auth(&Arc::new(Call { ip, user_agent: Some(user_agent.into()), ..call(anonymous()) }))
    }

    /// The internal operations for a service.
    pub(crate) fn sessions(&self, service: Role) -> SessionsClient {
        let call = call(Caller::service(service));
        SessionsClient::new(self.links.peer_as(Role::Auth, Arc::new(call)))
    }

    /// Logs in by user name and password.
    pub(crate) async fn log_in(&self, username: &str) -> p::Tokens {
        self.try_log_in(username, PASSWORD).await.unwrap()
    }

    /// Tries to.
    pub(crate) async fn try_log_in(&self, username: &str, password: &str) -> Result<p::Tokens, Problem> {
        let by = Some(p::login_request::By::Identifier(username.to_owned()));
        let request = p::LoginRequest { by, password: password.to_owned() };
        let answer = self.auth(&anonymous()).login(request).await.map_err(problem_from)?;
        match answer.into_inner().result {
            Some(p::login_response::Result::Tokens(tokens)) => Ok(tokens),
            other => panic!("no tokens: {other:?}"),
        }
    }

    /// Refreshes.
    pub(crate) async fn refresh(&self, token: &str) -> Result<p::Tokens, Problem> {
        let request = p::RefreshRequest { refresh_token: token.to_owned() };
        let answer = self.auth(&anonymous()).refresh(request).await.map_err(problem_from)?;
        Ok(answer.into_inner())
    }

    /// Whether a session is live, as a gateway asks.
    pub(crate) async fn is_live(&self, session_id: &str) -> bool {
        let request =
            denizen_rpc::auth::internal::v1::CheckSessionRequest { session_id: session_id.to_owned() };
        self.sessions(Role::Gateway).check_session(request).await.unwrap().into_inner().live
    }

    /// Ends a person's sessions as another service does.
    pub(crate) async fn end_user_sessions(
        &self,
        service: Role,
        user_id: UserId,
        reason: &str,
    ) -> Result<i64, Problem> {
        let request = denizen_rpc::auth::internal::v1::EndUserSessionsRequest {
            user_id: user_id.to_string(),
            except_session_id: String::new(),
            reason: reason.to_owned(),
            forget: false,
        };
        let answer = self.sessions(service).end_user_sessions(request).await.map_err(problem_from)?;
        Ok(answer.into_inner().ended)
    }

    /// The events so far, as (type, data).
    pub(crate) async fn events(&self) -> Vec<(String, serde_json::Value)> {
        let records = self.records().await;
        records.into_iter().map(|record| (record.kind, serde_json::from_str(&record.data).unwrap())).collect()
    }

    /// The events so far, whole.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let mut bell = self.app.db.bell();
        self.app.db.start_jobs(&self.tasks, &self.clock);
        // The marker is the last event: when it has its number, all others have theirs.
        let person = person(UserId::nil(), None, &["admin"]);
        let request =
            p::ListSessionsRequest { user_id: marker().to_string(), limit: 1, cursor: String::new() };
        self.auth(&person).list_sessions(request).await.unwrap();
        let marked = self.marked.fetch_add(1, Ordering::SeqCst) + 1;
        loop {
            let records = self.app.db.events_after(0, 1000).await.unwrap();
            if records.iter().filter(|record| record.subject == Some(marker())).count() >= marked {
                return records.into_iter().filter(|record| record.subject != Some(marker())).collect();
            }
            tokio::time::timeout(Duration::from_secs(10), bell.changed()).await.unwrap().unwrap();
        }
    }
}

fn marker() -> UserId {
    UserId::from_uuid(uuid::Uuid::max())
}

fn call(caller: Caller) -> Call {
    Call {
        caller,
        request_id: Arc::from("test"),
        ip: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some(Arc::from("Browser/1.0")),
        trace: None,
        deadline: Deadline::within(DEFAULT_DEADLINE),
        idempotency: None,
    }
}

/// Somebody who is not logged in.
pub(crate) fn anonymous() -> Caller {
    Caller::service(Role::Gateway)
}

/// Somebody who may do these things and no others.
pub(crate) fn person_with(user_id: UserId, permissions: &[Permission]) -> Caller {
    let caller = person(user_id, None, &["agent"]);
    let person = Person::clone(caller.person.as_deref().unwrap());
    let person = Person { permissions: Permissions::of(permissions), ..person };
    Caller { person: Some(Arc::new(person)), ..caller }
}

/// Somebody who came with a token.
pub(crate) fn person(user_id: UserId, session_id: Option<&str>, roles: &[&str]) -> Caller {
    let person = Person {
        user_id,
        session_id: session_id.map(|id| id.parse::<SessionId>().unwrap()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        permissions: Permissions::of_roles(roles),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: vec!["pwd".to_owned()],
    };
    Caller { service: Role::Gateway, person: Some(Arc::new(person)) }
}

/// The owner of these tokens.
pub(crate) fn owner(user_id: UserId, tokens: &p::Tokens) -> Caller {
    person(user_id, Some(&tokens.session_id), &["user"])
}
