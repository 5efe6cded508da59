//! One service on a database of its own, with a clock that the test moves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use denizen_auth::{App, Config, Keys, MIGRATIONS};
use denizen_db::{Db, Record, Secrets};
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Master};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Deadline, Timestamp};
use denizen_rpc::auth::internal::v1::sessions_client::SessionsClient;
use denizen_rpc::auth::v1 as p;
use denizen_rpc::auth::v1::auth_client::AuthClient;
use denizen_rpc::otp::internal::v1::codes_server::CodesServer;
use denizen_rpc::password::internal::v1::credentials_server::CredentialsServer;
use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::{Link, Links, Peer, Services, Signer, problem_from};
use tonic::service::Routes;

use crate::peers::{FakeCodes, FakeCredentials, FakeDirectory, PASSWORD, World};

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
    _folder: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        self.services.clear();
    }
}

/// Which engine keeps the data.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite,
    /// At this address.
    Postgres(String),
}

/// SQLite, and PostgreSQL when the environment names a server.
#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
pub(crate) fn engines() -> Vec<Engine> {
    let server = std::env::var("DENIZEN_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty());
    [Engine::Sqlite].into_iter().chain(server.map(Engine::Postgres)).collect()
}

/// A database of its own: a file in the folder, or a schema with a new name.
fn database(engine: Engine, folder: &tempfile::TempDir) -> (denizen_db::Config, &'static str) {
    let mut suffix = [0; 8];
    denizen_kit::seal::random(&mut suffix);
    let name = format!("auth_{:016x}", u64::from_be_bytes(suffix));
    let url = match engine {
        Engine::Sqlite => None,
        Engine::Postgres(url) => Some(url),
    };
    let config = denizen_db::Config { url, data_dir: folder.path().to_owned(), fast: true, pool: 4 };
    (config, Box::leak(name.into_boxed_str()))
}

// === impl House ===

impl House {
    /// A service with the default settings.
    pub(crate) async fn new(engine: Engine) -> Self {
        Self::with(engine, |_| {}).await
    }

    /// A service whose settings are changed.
    pub(crate) async fn with(engine: Engine, change: impl Fn(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let services = Services::new();
        let roles = [Role::Auth, Role::Users, Role::Password, Role::Otp];
        let table: HashMap<_, _> =
            roles.into_iter().map(|role| (role, Link::Local(services.clone()))).collect();
        let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
        let links = Links::new(Role::Gateway, Arc::new(table), signer);

        let mut config = Config::read(&mut Settings::load("", []));
        ISSUER.clone_into(&mut config.issuer);
        change(&mut config);
        let master = Master::new(Key::from_bytes([2; 32]));
        let secrets = Secrets { events: master.events(), replies: master.service("auth/replies") };
        let (database, name) = database(engine, &folder);
        let db = Db::connect(&database, name, &secrets, MIGRATIONS).await.unwrap();
        let own = links.of(Role::Auth);
        let keys = Keys::new(&master, &own);
        let app = Arc::new(App::new(db, own, clock.clone(), config, keys));

        let world = Arc::new(World::default());
        let mut routes = Routes::builder();
        denizen_auth::add_routes(&app, &mut routes);
        routes.add_service(DirectoryServer::new(FakeDirectory(world.clone())));
        routes.add_service(CredentialsServer::new(FakeCredentials(world.clone())));
        routes.add_service(CodesServer::new(FakeCodes(world.clone())));
        services.fill(routes.routes());
        Self { app, world, clock, tasks: Tasks::new(), links, services, _folder: folder }
    }

    /// The public operations for a caller.
    pub(crate) fn auth(&self, caller: &Caller) -> AuthClient<Peer> {
        self.links.auth(&Arc::new(call(caller.clone())))
    }

    /// The internal operations for a service.
    pub(crate) fn sessions(&self, service: Role) -> SessionsClient<Peer> {
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
        loop {
            let records = self.app.db.events_after(0, 1000).await.unwrap();
            if records.last().is_some_and(|record| record.subject == Some(marker())) {
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
