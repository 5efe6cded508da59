//! The service on its own, reachable as its callers reach it, with a real database.

use std::sync::Arc;

use denizen_db::Record;
use denizen_kit::caller::{Permissions, Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::cx::Idempotency;
use denizen_kit::id::SessionId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Root};
use denizen_kit::time::Clock;
use denizen_password::App;
use denizen_rpc::otp::v1::Channel;
use denizen_rpc::password::internal::v1::credentials_client::CredentialsClient;
use denizen_rpc::password::internal::v1::ip_block_feed_client::IpBlockFeedClient;
use denizen_rpc::password::internal::v1::transfer_client::TransferClient;
use denizen_rpc::password::internal::v1::{IssueResetRequest, PutCredentialRequest, VerifyCredentialRequest};
use denizen_rpc::password::v1::ip_blocks_client::IpBlocksClient;
use denizen_rpc::password::v1::password_administration_client::PasswordAdministrationClient;
use denizen_rpc::password::v1::passwords_client::PasswordsClient;
use denizen_rpc::password::v1::reset_password_request::Proof;
use denizen_rpc::password::v1::{ChangePasswordRequest, CodeProof, ResetPasswordRequest};
use denizen_rpc::{Peer, problem_from};
use denizen_testkit::peers::Peers;
use denizen_testkit::{Stage, Wiring};
use tonic::service::RoutesBuilder;

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
    stage: Stage,
    wiring: Wiring,
}

impl Node {
    /// One on each engine at hand, called each way.
    pub(crate) async fn all() -> Vec<Self> {
        Self::all_with(CHEAP).await
    }

    pub(crate) async fn all_with(settings: &str) -> Vec<Self> {
        let mut nodes = Vec::new();
        for stage in Stage::all().await {
            nodes.push(Self::open(settings, stage).await);
        }
        nodes
    }

    pub(crate) async fn start(settings: &str) -> Self {
        Self::open(settings, Stage::simple()).await
    }

    /// Stops, and starts with other settings on the same database.
    pub(crate) async fn restart(self, settings: &str) -> Self {
        let stage = self.stage.clone();
        self.stop().await;
        Self::open(settings, stage).await
    }

    async fn open(settings: &str, stage: Stage) -> Self {
        let wiring = stage.wire(Role::Password, denizen_password::MIGRATIONS).await;
        let mut settings = Settings::load(settings, []);
        let config = denizen_password::Config::read(&mut settings);
        settings.finish().unwrap();
        let root = Root::new(Key::from_bytes([4; 32]));
        let clock = wiring.clock.clone();
        let app = Arc::new(App::new(wiring.db.clone(), wiring.links.clone(), clock.clone(), config, &root));

        let peers = Peers::default();
        let mut routes = RoutesBuilder::default();
        denizen_password::add_routes(&app, &mut routes);
        peers.add_routes(&mut routes);
        wiring.serve(routes.routes());
        Self { app, clock, peers, stage, wiring }
    }

    /// Starts what runs beside the calls.
    pub(crate) fn start_jobs(&self) {
        denizen_password::start_jobs(&self.app, &self.wiring.tasks);
    }

    pub(crate) fn passwords(&self, person: Option<Person>) -> PasswordsClient {
        self.wiring.links.passwords(&Arc::new(self.wiring.call(Role::Gateway, person)))
    }

    /// The public operations under an idempotency key. The fingerprint stands for the request.
    pub(crate) fn passwords_once(&self, person: Option<Person>, key: &str) -> PasswordsClient {
        let mut call = self.wiring.call(Role::Gateway, person);
        call.idempotency = Some(Idempotency { key: key.to_owned(), fingerprint: [7; 32] });
        self.wiring.links.passwords(&Arc::new(call))
    }

    pub(crate) fn credentials(&self, service: Role) -> CredentialsClient {
        CredentialsClient::new(self.peer(service))
    }

    pub(crate) fn transfer(&self, service: Role) -> TransferClient {
        TransferClient::new(self.peer(service))
    }

    pub(crate) fn ip_blocks(&self, person: Option<Person>) -> IpBlocksClient {
        self.wiring.links.ip_blocks(&Arc::new(self.wiring.call(Role::Gateway, person)))
    }

    /// The operations on IP blocks for a person at an address.
    pub(crate) fn ip_blocks_from(&self, person: Person, ip: &str) -> IpBlocksClient {
        let mut call = self.wiring.call(Role::Gateway, Some(person));
        call.ip = Some(ip.parse().unwrap());
        self.wiring.links.ip_blocks(&Arc::new(call))
    }

    pub(crate) fn ip_block_feed(&self, service: Role) -> IpBlockFeedClient {
        IpBlockFeedClient::new(self.peer(service))
    }

    pub(crate) fn administration(&self, person: Person) -> PasswordAdministrationClient {
        let call = self.wiring.call(Role::Gateway, Some(person));
        self.wiring.links.password_administration(&Arc::new(call))
    }

    fn peer(&self, service: Role) -> Peer {
        self.wiring.links.peer_as(Role::Password, Arc::new(self.wiring.call(service, None)))
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
        let request = IssueResetRequest {
            user_id: ADA.to_owned(),
            issue_id: issue_id.to_owned(),
            channel: Channel::Email.into(),
        };
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
        self.wiring.events(count).await
    }

    pub(crate) async fn stop(self) {
        self.wiring.stop().await;
    }
}

/// A person who is logged in.
pub(crate) fn person(id: &str) -> Person {
    let person = denizen_testkit::person(id, "admin");
    Person {
        session_id: Some(SESSION.parse::<SessionId>().unwrap()),
        permissions: Permissions::all(),
        ..person
    }
}

/// The wish to put a hash from elsewhere.
pub(crate) fn put_hash(user_id: &str, hash: &str) -> PutCredentialRequest {
    PutCredentialRequest {
        user_id: user_id.to_owned(),
        password_hash: hash.to_owned(),
        ..PutCredentialRequest::default()
    }
}

/// The word of the first field error.
pub(crate) fn field(problem: &Problem) -> (&str, &str) {
    problem.fields.first().map(|field| (field.pointer.as_str(), field.code.as_str())).unwrap_or_default()
}
