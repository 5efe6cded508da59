//! Stand-ins for auth, password and otp: they keep to the contracts and remember what they were asked.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use denizen_kit::caller::Role;
use denizen_kit::cx::Call;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::sha256;
use denizen_rpc::auth::internal::v1 as auth;
use denizen_rpc::auth::internal::v1::sessions_server::Sessions;
use denizen_rpc::events::internal::v1 as events;
use denizen_rpc::events::internal::v1::event_log_server::EventLog;
use denizen_rpc::otp::internal::v1 as otp;
use denizen_rpc::otp::internal::v1::codes_server::Codes;
use denizen_rpc::otp::internal::v1::consume_request::Proof;
use denizen_rpc::password::internal::v1 as password;
use denizen_rpc::password::internal::v1::credentials_server::Credentials;
use denizen_rpc::{Reply, status_from};
use futures::Stream;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The other services.
#[derive(Default)]
pub(crate) struct World {
    /// What was asked of the others, in order: a word and an id.
    asked: Mutex<Vec<(String, String)>>,
    /// Codes and tokens that are good once, with whose they are and what they prove.
    proofs: Mutex<HashMap<String, (String, Vec<u8>)>>,
    /// How many endings of sessions still work; none for all.
    pub(crate) endings_left: Mutex<Option<u32>>,
    /// Whether password refuses new credentials.
    pub(crate) is_picky: Mutex<bool>,
    /// The log of auth.
    pub(crate) log: watch::Sender<Vec<events::Event>>,
    /// Up to where users has taken it in.
    pub(crate) taken: watch::Sender<i64>,
}

// === impl World ===

impl World {
    fn note<T>(&self, request: Request<T>, word: &str, id: impl Fn(&T) -> String) -> T {
        let call = request.extensions().get::<Arc<Call>>().expect("a call carries its caller");
        assert_eq!(call.caller.service, Role::Users, "users asks in its own role");
        let request = request.into_inner();
        self.asked.lock().unwrap().push((word.to_owned(), id(&request)));
        request
    }

    /// What was asked since the last time, but for what a test does not care for.
    pub(crate) fn asked(&self, but: &[&str]) -> Vec<(String, String)> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.into_iter().filter(|(word, _)| !but.contains(&word.as_str())).collect()
    }

    /// Makes a code or token good once for an e-mail address.
    pub(crate) fn send_to_email(&self, proof: &str, user_id: &str, email: &str) {
        self.send(proof, user_id, &format!("email:{email}"));
    }

    /// Makes a code good once for a mobile number.
    pub(crate) fn send_to_mobile(&self, proof: &str, user_id: &str, mobile: &str) {
        self.send(proof, user_id, &format!("mobile:{mobile}"));
    }

    fn send(&self, proof: &str, user_id: &str, target: &str) {
        let target = sha256(target.as_bytes()).to_vec();
        self.proofs.lock().unwrap().insert(proof.to_owned(), (user_id.to_owned(), target));
    }
}

/// Auth.
pub(crate) struct FakeSessions(pub(crate) Arc<World>);

type Feed = Pin<Box<dyn Stream<Item = Result<auth::Revocations, Status>> + Send>>;

#[tonic::async_trait]
impl Sessions for FakeSessions {
    async fn end_user_sessions(
        &self,
        request: Request<auth::EndUserSessionsRequest>,
    ) -> Reply<auth::EndUserSessionsResponse> {
        let request = self.0.note(request, "end", |it| {
            format!("{} {}{}", it.user_id, it.reason, if it.forget { " and forget" } else { "" })
        });
        assert!(request.except_session_id.is_empty());
        if let Some(left) = &mut *self.0.endings_left.lock().unwrap() {
            if *left == 0 {
                return Err(status_from(Problem::of(Code::Unavailable)));
            }
            *left -= 1;
        }
        Ok(Response::new(auth::EndUserSessionsResponse { ended: 1, second_factor: false }))
    }

    async fn check_session(
        &self,
        _: Request<auth::CheckSessionRequest>,
    ) -> Reply<auth::CheckSessionResponse> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    type WatchRevocationsStream = Feed;

    async fn watch_revocations(
        &self,
        _: Request<auth::WatchRevocationsRequest>,
    ) -> Result<Response<Feed>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }
}

/// Password.
pub(crate) struct FakeCredentials(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Credentials for FakeCredentials {
    async fn put_credential(
        &self,
        request: Request<password::PutCredentialRequest>,
    ) -> Reply<password::PutCredentialResponse> {
        self.0.note(request, "put", |it| it.user_id.clone());
        if *self.0.is_picky.lock().unwrap() {
            return Err(status_from(Problem::of(Code::WeakPassword)));
        }
        Ok(Response::new(password::PutCredentialResponse {}))
    }

    async fn verify_credential(
        &self,
        request: Request<password::VerifyCredentialRequest>,
    ) -> Reply<password::VerifyCredentialResponse> {
        let request = self.0.note(request, "verify", |it| it.user_id.clone());
        Ok(Response::new(password::VerifyCredentialResponse { valid: request.password == PASSWORD }))
    }

    async fn issue_reset(
        &self,
        _: Request<password::IssueResetRequest>,
    ) -> Reply<password::IssueResetResponse> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn drop_credential(
        &self,
        request: Request<password::DropCredentialRequest>,
    ) -> Reply<password::DropCredentialResponse> {
        self.0.note(request, "drop", |it| it.user_id.clone());
        Ok(Response::new(password::DropCredentialResponse {}))
    }
}

/// Otp.
pub(crate) struct FakeCodes(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Codes for FakeCodes {
    async fn issue(&self, _: Request<otp::IssueRequest>) -> Reply<otp::IssueResponse> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn consume(&self, request: Request<otp::ConsumeRequest>) -> Reply<otp::ConsumeResponse> {
        let request = self.0.note(request, "consume", |_| String::new());
        let (proof, owner) = match request.proof {
            Some(Proof::Token(token)) => (token, None),
            Some(Proof::UserCode(code)) => (code.code, Some(code.user_id)),
            other => panic!("users sends no such proof: {other:?}"),
        };
        let mut proofs = self.0.proofs.lock().unwrap();
        let fits = proofs.get(&proof).is_some_and(|(user_id, _)| owner.is_none_or(|owner| owner == *user_id));
        let used = if fits { proofs.remove(&proof) } else { None };
        let (user_id, target) = used.unwrap_or_default();
        Ok(Response::new(otp::ConsumeResponse { valid: fits, user_id, target, ..Default::default() }))
    }

    async fn look(&self, request: Request<otp::LookRequest>) -> Reply<otp::ConsumeResponse> {
        let request = self.0.note(request, "look", |_| String::new());
        let seen = self.0.proofs.lock().unwrap().get(&request.token).cloned();
        let valid = seen.is_some();
        let (user_id, target) = seen.unwrap_or_default();
        Ok(Response::new(otp::ConsumeResponse { valid, user_id, target, ..Default::default() }))
    }
}

/// The log of auth.
pub(crate) struct FakeLog(pub(crate) Arc<World>);

#[tonic::async_trait]
impl EventLog for FakeLog {
    async fn events(&self, request: Request<events::EventsRequest>) -> Reply<events::EventsResponse> {
        let after = request.into_inner().after_seq;
        let events = self.0.log.borrow().iter().filter(|event| event.seq > after).cloned().collect();
        Ok(Response::new(events::EventsResponse { events }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<events::Ring, Status>> + Send>>;

    async fn watch(&self, _: Request<events::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let rings = futures::stream::unfold(self.0.log.subscribe(), |mut log| async move {
            log.changed().await.ok().map(|()| (Ok(events::Ring {}), log))
        });
        Ok(Response::new(Box::pin(rings)))
    }

    async fn acknowledge(
        &self,
        request: Request<events::AcknowledgeRequest>,
    ) -> Reply<events::AcknowledgeResponse> {
        self.0.taken.send_replace(request.into_inner().seq);
        Ok(Response::new(events::AcknowledgeResponse {}))
    }
}
