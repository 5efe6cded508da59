//! The service on its own: a real database, and a directory that knows one person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use denizen_db::{Config as DbConfig, Db, Record, Secrets};
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::{Call, Cx};
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Master};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use denizen_otp::App;
use denizen_rpc::otp::internal::v1::codes_client::CodesClient;
use denizen_rpc::otp::internal::v1::consume_request::Proof;
use denizen_rpc::otp::internal::v1::{
    CodeOfIssue, ConsumeRequest, ConsumeResponse, IssueRequest, IssueResponse,
};
use denizen_rpc::otp::v1::otp_client::OtpClient;
use denizen_rpc::otp::v1::{Purpose, SendOtpRequest, SendOtpResponse, ValidateOtpRequest};
use denizen_rpc::users::internal::v1::directory_server::{Directory, DirectoryServer};
use denizen_rpc::users::internal::v1::{
    Contact, DataKeysRequest, DataKeysResponse, GetContactRequest, LookupRequest, LookupResponse,
    lookup_request::By,
};
use denizen_rpc::users::v1::{Status as AccountStatus, User};
use denizen_rpc::{Link, Links, Peer, Services, Signer, problem_from};
use tempfile::TempDir;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

pub(crate) const ADA: &str = "0192aa00-0000-7000-8000-00000000ada0";
pub(crate) const BOB: &str = "0192aa00-0000-7000-8000-00000000b0b0";

/// Accounts by identifier.
#[derive(Clone, Default)]
pub(crate) struct People(Arc<Mutex<HashMap<String, (String, AccountStatus)>>>);

impl People {
    pub(crate) fn set(&self, identifier: &str, id: &str, status: AccountStatus) {
        self.0.lock().unwrap().insert(identifier.to_owned(), (id.to_owned(), status));
    }
}

#[tonic::async_trait]
impl Directory for People {
    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupResponse>, Status> {
        let Some(By::Identifier(identifier)) = request.into_inner().by else {
            return Err(Status::internal("by"));
        };
        let found = self.0.lock().unwrap().get(&identifier).cloned();
        let user = found.map(|(id, status)| User { id, status: status.into(), ..User::default() });
        Ok(Response::new(LookupResponse { user, identifier_key: Vec::new() }))
    }

    async fn get_contact(&self, _: Request<GetContactRequest>) -> Result<Response<Contact>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn data_keys(&self, _: Request<DataKeysRequest>) -> Result<Response<DataKeysResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

/// The service, reachable as its callers reach it.
pub(crate) struct Node {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    pub(crate) people: People,
    links: Links,
    tasks: Tasks,
    _folder: TempDir,
}

impl Node {
    /// One on each engine at hand; PostgreSQL when `DENIZEN_TEST_DATABASE_URL` names a server.
    pub(crate) async fn all() -> Vec<Self> {
        let mut nodes = vec![Self::start("", None).await];
        if let Some(server) = postgres() {
            nodes.push(Self::start("", Some(fresh_database(&server).await)).await);
        }
        nodes
    }

    pub(crate) async fn start(settings: &str, url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = DbConfig { url, data_dir: folder.path().join("data"), fast: false, pool: 8 };
        let secrets = Secrets { events: Key::from_bytes([1; 32]), replies: Key::from_bytes([2; 32]) };
        let db = Db::connect(&config, "otp", &secrets, denizen_otp::MIGRATIONS).await.unwrap();
        let clock = Clock::manual(Timestamp::from_second(1_790_000_000).unwrap());
        let tasks = Tasks::new();
        db.start_jobs(&tasks, &clock);

        let services = Services::new();
        let local = [Role::Otp, Role::Users].map(|role| (role, Link::Local(services.clone())));
        let signer = Signer::new(Key::from_bytes([3; 32]), clock.clone());
        let links = Links::new(Role::Otp, Arc::new(HashMap::from(local)), signer);
        let config = denizen_otp::Config::read(&mut Settings::load(settings, []));
        let master = Master::new(Key::from_bytes([4; 32]));
        let app = Arc::new(App::new(db, links.clone(), clock.clone(), config, &master));

        let people = People::default();
        let mut routes = RoutesBuilder::default();
        denizen_otp::add_routes(&app, &mut routes);
        routes.add_service(DirectoryServer::new(people.clone()));
        services.fill(routes.routes());
        Self { app, clock, people, links, tasks, _folder: folder }
    }

    /// A call by a service, for a person or nobody.
    pub(crate) fn call(&self, service: Role, person: Option<Person>) -> Arc<Call> {
        let mut call = Call::clone(Cx::job(service, &self.clock).call());
        call.caller = Caller { service, person: person.map(Arc::new) };
        Arc::new(call)
    }

    pub(crate) fn otp(&self, person: Option<Person>) -> OtpClient<Peer> {
        self.links.otp(&self.call(Role::Gateway, person))
    }

    pub(crate) fn codes(&self, service: Role) -> CodesClient<Peer> {
        CodesClient::new(self.links.peer_as(Role::Otp, self.call(service, None)))
    }

    /// Asks for a login code by an identifier.
    pub(crate) async fn send(&self, identifier: &str) -> SendOtpResponse {
        let request = SendOtpRequest {
            purpose: Purpose::Login.into(),
            identifier: Some(identifier.to_owned()),
            ..SendOtpRequest::default()
        };
        self.otp(None).send_otp(request).await.unwrap().into_inner()
    }

    pub(crate) async fn send_as(
        &self,
        who: Person,
        request: SendOtpRequest,
    ) -> Result<SendOtpResponse, Problem> {
        Ok(self.otp(Some(who)).send_otp(request).await.map_err(problem_from)?.into_inner())
    }

    /// What notify gets for an id that `SendOtp` gave.
    pub(crate) async fn issue(&self, otp_id: &str) -> IssueResponse {
        self.issue_with(IssueRequest { issue_id: otp_id.to_owned(), ..IssueRequest::default() }).await
    }

    pub(crate) async fn issue_with(&self, request: IssueRequest) -> IssueResponse {
        self.codes(Role::Notify).issue(request).await.unwrap().into_inner()
    }

    pub(crate) async fn consume(&self, purpose: Purpose, proof: Proof) -> ConsumeResponse {
        let request = ConsumeRequest { purpose: purpose.into(), proof: Some(proof) };
        self.codes(Role::Auth).consume(request).await.unwrap().into_inner()
    }

    pub(crate) async fn login(&self, otp_id: &str, code: &str) -> bool {
        let proof = CodeOfIssue { otp_id: otp_id.to_owned(), code: code.to_owned() };
        self.consume(Purpose::Login, Proof::IssueCode(proof)).await.valid
    }

    pub(crate) async fn validate(
        &self,
        who: Option<Person>,
        otp_id: &str,
        code: &str,
    ) -> Result<bool, Problem> {
        let request = ValidateOtpRequest { otp_id: otp_id.to_owned(), code: code.to_owned() };
        Ok(self.otp(who).validate_otp(request).await.map_err(problem_from)?.into_inner().valid)
    }

    /// The events so far, once there are so many.
    pub(crate) async fn events(&self, count: usize) -> Vec<Record> {
        let mut bell = self.app.db.bell();
        loop {
            let events = self.app.db.events_after(0, 100).await.unwrap();
            if events.len() >= count {
                return events;
            }
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), bell.changed()).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.tasks.stop().await;
        self.app.db.close().await;
    }
}

/// A person who is logged in.
pub(crate) fn person(id: &str, role: &str) -> Person {
    Person {
        user_id: id.parse::<UserId>().unwrap(),
        session_id: None,
        roles: vec![role.to_owned()],
        permissions: Permissions::of_role(role),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: Vec::new(),
    }
}

/// A wrong code of the same form.
pub(crate) fn other(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
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
    let name = format!("otp_test_{:016x}", u64::from_be_bytes(id));
    let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}
