//! The service on its own, reachable as its callers reach it, with a real database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use denizen_db::{Config as DbConfig, Db, Record, Secrets};
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::{Call, Cx};
use denizen_kit::id::SessionId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Master};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use denizen_password::App;
use denizen_rpc::auth::internal::v1::sessions_server::SessionsServer;
use denizen_rpc::events::internal::v1::event_log_server::EventLogServer;
use denizen_rpc::otp::internal::v1::codes_server::CodesServer;
use denizen_rpc::password::internal::v1::credentials_client::CredentialsClient;
use denizen_rpc::password::internal::v1::{IssueResetRequest, PutCredentialRequest, VerifyCredentialRequest};
use denizen_rpc::password::v1::passwords_client::PasswordsClient;
use denizen_rpc::password::v1::reset_password_request::Proof;
use denizen_rpc::password::v1::{ChangePasswordRequest, CodeProof, ResetPasswordRequest};
use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::{Link, Links, Peer, Services, Signer, problem_from};
use tempfile::TempDir;
use tonic::service::RoutesBuilder;

use crate::peers::Peers;

pub(crate) const ADA: &str = "0192aa00-0000-7000-8000-00000000ada0";
pub(crate) const BOB: &str = "0192aa00-0000-7000-8000-00000000b0b0";
pub(crate) const SESSION: &str = "0192aa00-0000-7000-8000-0000000005e5";
pub(crate) const FIRST: &str = "correct horse battery";
pub(crate) const SECOND: &str = "quiet river umbrella";
pub(crate) const THIRD: &str = "seven copper lanterns";

/// Hashes that cost little, so that the tests are quick.
pub(crate) const CHEAP: &str = "[password.argon2]\nmemory_kib = 32\niterations = 1\n";

pub(crate) struct Node {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    pub(crate) peers: Peers,
    pub(crate) tasks: Tasks,
    links: Links,
    place: Arc<(DbConfig, TempDir)>,
}

impl Node {
    /// One on each engine at hand; PostgreSQL when `DENIZEN_TEST_DATABASE_URL` names a server.
    pub(crate) async fn all() -> Vec<Self> {
        let mut nodes = vec![Self::start(CHEAP).await];
        if let Some(server) = postgres() {
            nodes.push(Self::open(CHEAP, place(Some(fresh_database(&server).await))).await);
        }
        nodes
    }

    pub(crate) async fn start(settings: &str) -> Self {
        Self::open(settings, place(None)).await
    }

    /// Stops, and starts with other settings on the same database.
    pub(crate) async fn restart(self, settings: &str) -> Self {
        let place = self.place.clone();
        self.stop().await;
        Self::open(settings, place).await
    }

    async fn open(settings: &str, place: Arc<(DbConfig, TempDir)>) -> Self {
        let secrets = Secrets { events: Key::from_bytes([1; 32]), replies: Key::from_bytes([2; 32]) };
        let db = Db::connect(&place.0, "password", &secrets, denizen_password::MIGRATIONS).await.unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_790_000_000).unwrap());
        let tasks = Tasks::new();
        db.start_jobs(&tasks, &clock);

        let services = Services::new();
        let roles = [Role::Password, Role::Users, Role::Auth, Role::Otp];
        let local = roles.map(|role| (role, Link::Local(services.clone())));
        let signer = Signer::new(Key::from_bytes([3; 32]), clock.clone());
        let links = Links::new(Role::Password, Arc::new(HashMap::from(local)), signer);
        let mut settings = Settings::load(settings, []);
        let config = denizen_password::Config::read(&mut settings);
        settings.finish().unwrap();
        let master = Master::new(Key::from_bytes([4; 32]));
        let app = Arc::new(App::new(db, links.clone(), clock.clone(), config, &master));

        let peers = Peers::default();
        let mut routes = RoutesBuilder::default();
        denizen_password::add_routes(&app, &mut routes);
        routes.add_service(DirectoryServer::new(peers.clone()));
        routes.add_service(SessionsServer::new(peers.clone()));
        routes.add_service(CodesServer::new(peers.clone()));
        routes.add_service(EventLogServer::new(peers.clone()));
        services.fill(routes.routes());
        Self { app, clock, peers, tasks, links, place }
    }

    fn call(&self, service: Role, person: Option<Person>) -> Arc<Call> {
        let mut call = Call::clone(Cx::job(service, &self.clock).call());
        call.caller = Caller { service, person: person.map(Arc::new) };
        Arc::new(call)
    }

    pub(crate) fn passwords(&self, person: Option<Person>) -> PasswordsClient<Peer> {
        self.links.passwords(&self.call(Role::Gateway, person))
    }

    pub(crate) fn credentials(&self, service: Role) -> CredentialsClient<Peer> {
        CredentialsClient::new(self.links.peer_as(Role::Password, self.call(service, None)))
    }

    /// Sets a person's first password.
    pub(crate) async fn put(&self, user_id: &str, password: &str) -> Result<(), Problem> {
        let request = PutCredentialRequest {
            user_id: user_id.to_owned(),
            password: password.to_owned(),
            context: vec!["Ada Lovelace".to_owned(), "ada@analytical.test".to_owned()],
            ..PutCredentialRequest::default()
        };
        self.credentials(Role::Users).put_credential(request).await.map_err(problem_from)?;
        Ok(())
    }

    /// Tries a password; an empty id is an unknown account.
    pub(crate) async fn verify(&self, user_id: &str, password: &str) -> Result<bool, Problem> {
        self.verify_from(user_id, password, "192.0.2.1").await
    }

    pub(crate) async fn verify_from(
        &self,
        user_id: &str,
        password: &str,
        source: &str,
    ) -> Result<bool, Problem> {
        let identifier = if user_id.is_empty() { "nobody" } else { user_id };
        let request = VerifyCredentialRequest {
            user_id: user_id.to_owned(),
            password: password.to_owned(),
            identifier_key: identifier.as_bytes().to_vec(),
            source: source.to_owned(),
        };
        let answer = self.credentials(Role::Auth).verify_credential(request).await.map_err(problem_from)?;
        Ok(answer.into_inner().valid)
    }

    pub(crate) async fn change(&self, who: Person, current: &str, new: &str) -> Result<(), Problem> {
        let request = ChangePasswordRequest {
            user_id: ADA.to_owned(),
            current_password: current.to_owned(),
            new_password: new.to_owned(),
        };
        self.passwords(Some(who)).change_password(request).await.map_err(problem_from)?;
        Ok(())
    }

    /// The token that notify gets for a message.
    pub(crate) async fn token(&self, issue_id: &str) -> String {
        let request = IssueResetRequest { user_id: ADA.to_owned(), issue_id: issue_id.to_owned() };
        self.credentials(Role::Notify).issue_reset(request).await.unwrap().into_inner().token
    }

    pub(crate) async fn reset(&self, token: &str, new: &str) -> Result<(), Problem> {
        self.reset_with(Proof::Token(token.to_owned()), new).await
    }

    pub(crate) async fn reset_by_code(&self, identifier: &str, code: &str, new: &str) -> Result<(), Problem> {
        let proof = CodeProof { identifier: identifier.to_owned(), code: code.to_owned() };
        self.reset_with(Proof::Code(proof), new).await
    }

    async fn reset_with(&self, proof: Proof, new: &str) -> Result<(), Problem> {
        let request = ResetPasswordRequest { proof: Some(proof), new_password: new.to_owned() };
        self.passwords(None).reset_password(request).await.map_err(problem_from)?;
        Ok(())
    }

    /// The events so far, once there are so many.
    pub(crate) async fn events(&self, count: usize) -> Vec<Record> {
        let mut bell = self.app.db.bell();
        loop {
            let events = self.app.db.events_after(0, 100).await.unwrap();
            if events.len() >= count {
                return events;
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), bell.changed()).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.tasks.stop().await;
        self.app.db.close().await;
    }
}

/// A person who is logged in.
pub(crate) fn person(id: &str) -> Person {
    Person {
        user_id: id.parse().unwrap(),
        session_id: Some(SESSION.parse::<SessionId>().unwrap()),
        roles: vec!["admin".to_owned()],
        permissions: Permissions::all(),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: Vec::new(),
    }
}

/// The word of the first field error.
pub(crate) fn field(problem: &Problem) -> (&str, &str) {
    problem.fields.first().map(|field| (field.pointer.as_str(), field.code.as_str())).unwrap_or_default()
}

fn place(url: Option<String>) -> Arc<(DbConfig, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    Arc::new((DbConfig { url, data_dir: folder.path().join("data"), fast: false, pool: 8 }, folder))
}

/// The PostgreSQL server to test on, if there is one.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "what the tests run on is the environment's to say"
)]
fn postgres() -> Option<String> {
    let server = std::env::var("DENIZEN_TEST_DATABASE_URL").ok();
    if server.is_none() {
        eprintln!("skipped on PostgreSQL: DENIZEN_TEST_DATABASE_URL is not set");
    }
    server
}

async fn fresh_database(server: &str) -> String {
    let mut id = [0; 8];
    denizen_kit::seal::random(&mut id);
    let name = format!("password_test_{:016x}", u64::from_be_bytes(id));
    let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}
