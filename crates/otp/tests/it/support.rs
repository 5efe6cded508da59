//! The service on its own: a real database, and a directory that knows the people of the test.

use std::sync::Arc;

use denizen_db::Record;
use denizen_kit::caller::{Person, Role};
use denizen_kit::config::Settings;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Root};
use denizen_kit::time::Clock;
use denizen_otp::App;
use denizen_rpc::otp::internal::v1::codes_client::CodesClient;
use denizen_rpc::otp::internal::v1::consume_request::Proof;
use denizen_rpc::otp::internal::v1::{
    CodeOfIssue, ConsumeRequest, ConsumeResponse, IssueRequest, IssueResponse,
};
use denizen_rpc::otp::v1::otp_client::OtpClient;
use denizen_rpc::otp::v1::{Purpose, SendOtpRequest, SendOtpResponse, ValidateOtpRequest};
use denizen_rpc::problem_from;
use denizen_testkit::peers::Peers;
pub(crate) use denizen_testkit::person;
use denizen_testkit::{Stage, Wiring};
use tonic::service::RoutesBuilder;

pub(crate) const ADA: &str = "0192aa00-0000-7000-8000-00000000ada0";
pub(crate) const BOB: &str = "0192aa00-0000-7000-8000-00000000b0b0";

/// The service, reachable as its callers reach it.
pub(crate) struct Node {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    pub(crate) peers: Peers,
    wiring: Wiring,
}

impl Node {
    /// One on each engine at hand, called each way.
    pub(crate) async fn all() -> Vec<Self> {
        let mut nodes = Vec::new();
        for stage in Stage::all().await {
            nodes.push(Self::open(&stage).await);
        }
        nodes
    }

    pub(crate) async fn start() -> Self {
        Self::open(&Stage::simple()).await
    }

    async fn open(stage: &Stage) -> Self {
        let wiring = stage.wire(Role::Otp, denizen_otp::MIGRATIONS).await;
        let config = denizen_otp::Config::read(&mut Settings::default());
        let root = Root::new(Key::from_bytes([4; 32]));
        let clock = wiring.clock.clone();
        let app = Arc::new(App::new(wiring.db.clone(), wiring.links.clone(), clock.clone(), config, &root));

        let peers = Peers::default();
        let mut routes = RoutesBuilder::default();
        denizen_otp::add_routes(&app, &mut routes);
        peers.add_directory(&mut routes);
        wiring.serve(routes.routes());
        Self { app, clock, peers, wiring }
    }

    pub(crate) fn otp(&self, person: Option<Person>) -> OtpClient {
        self.wiring.links.otp(&Arc::new(self.wiring.call(Role::Gateway, person)))
    }

    pub(crate) fn codes(&self, service: Role) -> CodesClient {
        CodesClient::new(self.wiring.links.peer_as(Role::Otp, Arc::new(self.wiring.call(service, None))))
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
        self.wiring.events(count).await
    }

    pub(crate) async fn stop(self) {
        self.wiring.stop().await;
    }
}

/// A wrong code of the same form.
pub(crate) fn other(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
}
