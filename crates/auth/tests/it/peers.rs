//! Stand-ins for users, password and otp: they keep to the contracts and let a test step in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use denizen_kit::caller::{Permission, Permissions, Role};
use denizen_kit::cx::Call;
use denizen_kit::id::{Id, UserId};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::otp::internal::v1 as otp;
use denizen_rpc::otp::internal::v1::codes_server::Codes;
use denizen_rpc::otp::v1::{Channel, Purpose};
use denizen_rpc::password::internal::v1 as password;
use denizen_rpc::password::internal::v1::credentials_server::Credentials;
use denizen_rpc::status_from;
use denizen_rpc::users::internal::v1 as users;
use denizen_rpc::users::internal::v1::access_server::Access;
use denizen_rpc::users::internal::v1::directory_server::Directory;
use denizen_rpc::users::internal::v1::lookup_request::By;
use denizen_rpc::users::v1::{Status as Standing, User};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What users' log says, as the fake of it keeps it.
pub(crate) type Log = watch::Sender<Vec<Event>>;

/// What a test does in the middle of an operation.
pub(crate) type Meanwhile = BoxFuture<'static, ()>;

/// The other services.
#[derive(Default)]
pub(crate) struct World {
    people: Mutex<HashMap<UserId, User>>,
    /// Codes that are good once: (purpose, otp id, code) and whose they are.
    codes: Mutex<HashMap<(i32, String, String), UserId>>,
    /// How all codes travel.
    pub(crate) channel: Mutex<Channel>,
    /// How many passwords were checked.
    pub(crate) checks: Mutex<Vec<password::VerifyCredentialRequest>>,
    /// Done when a password has been found right, before the answer.
    pub(crate) after_check: Mutex<Option<Meanwhile>>,
    /// Done at the lookup with this number, counted down to 0.
    pub(crate) at_lookup: Mutex<Option<(u32, Meanwhile)>>,
    /// Whether the guard refuses all tries.
    pub(crate) guarded: Mutex<bool>,
    /// The log of users.
    pub(crate) log: Log,
    /// Up to where auth has taken the log in.
    pub(crate) taken: watch::Sender<i64>,
}

// === impl World ===

impl World {
    /// Adds an active person with this user name.
    pub(crate) fn add(&self, username: &str) -> UserId {
        let mut people = self.people.lock().unwrap();
        let id: UserId =
            Id::from_uuid(Uuid::from_u128(0x0192_aa00_0000_7000_8000_0000_0000_0000 + people.len() as u128));
        let user = User {
            id: id.to_string(),
            username: Some(username.to_owned()),
            email: Some(format!("{username}@example.test")),
            status: Standing::Active.into(),
            roles: vec!["user".to_owned()],
            ..User::default()
        };
        people.insert(id, user);
        id
    }

    /// Changes a person.
    pub(crate) fn change(&self, id: UserId, change: impl Fn(&mut User)) {
        change(self.people.lock().unwrap().get_mut(&id).unwrap());
    }

    /// Lets a person be gone.
    pub(crate) fn remove(&self, id: UserId) {
        self.people.lock().unwrap().remove(&id);
    }

    /// Tells that something happened to a person; the place of it in the log of users.
    pub(crate) fn tell(&self, kind: &str, user_id: UserId, at: Timestamp) -> i64 {
        let mut place = 0;
        self.log.send_modify(|log| {
            place = i64::try_from(log.len()).unwrap() + 1;
            log.push(Event {
                seq: place,
                r#type: kind.to_owned(),
                at: at.as_microsecond(),
                subject: user_id.to_string(),
                ..Event::default()
            });
        });
        place
    }

    /// Makes a code good for one use.
    pub(crate) fn send_code(&self, purpose: Purpose, otp_id: &str, code: &str, user_id: UserId) {
        self.codes.lock().unwrap().insert((purpose.into(), otp_id.to_owned(), code.to_owned()), user_id);
    }
}

pub(crate) fn require_auth<T>(request: &Request<T>) {
    let call = request.extensions().get::<Arc<Call>>().expect("a local call carries its caller");
    assert_eq!(call.caller.service, Role::Auth, "auth asks in its own role");
}

/// Users.
pub(crate) struct FakeDirectory(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Directory for FakeDirectory {
    async fn lookup(
        &self,
        request: Request<users::LookupRequest>,
    ) -> Result<Response<users::LookupResponse>, Status> {
        require_auth(&request);
        let due = {
            let mut step = self.0.at_lookup.lock().unwrap();
            match step.take() {
                Some((1, meanwhile)) => Some(meanwhile),
                Some((more, meanwhile)) => {
                    *step = Some((more - 1, meanwhile));
                    None
                }
                None => None,
            }
        };
        if let Some(meanwhile) = due {
            meanwhile.await;
        }
        let by = request.into_inner().by.expect("by is set");
        let people = self.0.people.lock().unwrap();
        let has = |field: &Option<String>, text: &str| field.as_deref() == Some(text);
        let user = people.values().find(|user| match &by {
            By::UserId(id) => user.id == *id,
            By::Email(text) => has(&user.email, text),
            By::Username(text) => has(&user.username, text),
            By::Mobile(text) => has(&user.mobile, text),
            By::Identifier(text) => {
                has(&user.email, text) || has(&user.username, text) || has(&user.mobile, text)
            }
        });
        let identifier_key = match &by {
            By::UserId(_) => Vec::new(),
            By::Identifier(text) | By::Email(text) | By::Username(text) | By::Mobile(text) => {
                text.as_bytes().to_vec()
            }
        };
        Ok(Response::new(users::LookupResponse { user: user.cloned(), identifier_key }))
    }

    async fn get_contact(
        &self,
        _: Request<users::GetContactRequest>,
    ) -> Result<Response<users::Contact>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn prove_mailbox(
        &self,
        _: Request<users::ProveMailboxRequest>,
    ) -> Result<Response<users::ProveMailboxResponse>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn data_keys(
        &self,
        request: Request<users::DataKeysRequest>,
    ) -> Result<Response<users::DataKeysResponse>, Status> {
        require_auth(&request);
        let people = self.0.people.lock().unwrap();
        let known =
            request.into_inner().user_ids.into_iter().filter(|id| people.values().any(|user| user.id == *id));
        let keys = known.map(|user_id| users::DataKey { user_id, key: vec![9; 32] }).collect();
        Ok(Response::new(users::DataKeysResponse { keys, ..users::DataKeysResponse::default() }))
    }
}

/// Password.
pub(crate) struct FakeCredentials(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Credentials for FakeCredentials {
    async fn put_credential(
        &self,
        _: Request<password::PutCredentialRequest>,
    ) -> Result<Response<password::PutCredentialResponse>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn verify_credential(
        &self,
        request: Request<password::VerifyCredentialRequest>,
    ) -> Result<Response<password::VerifyCredentialResponse>, Status> {
        require_auth(&request);
        let request = request.into_inner();
        self.0.checks.lock().unwrap().push(request.clone());
        if *self.0.guarded.lock().unwrap() {
            let wait = std::time::Duration::from_secs(7);
            return Err(status_from(Problem::of(Code::TooManyAttempts).retry_in(wait)));
        }
        let valid = !request.user_id.is_empty() && request.password == PASSWORD;
        let meanwhile = self.0.after_check.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        Ok(Response::new(password::VerifyCredentialResponse { valid }))
    }

    async fn issue_reset(
        &self,
        _: Request<password::IssueResetRequest>,
    ) -> Result<Response<password::IssueResetResponse>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn drop_credential(
        &self,
        _: Request<password::DropCredentialRequest>,
    ) -> Result<Response<password::DropCredentialResponse>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }
}

/// Otp.
pub(crate) struct FakeCodes(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Codes for FakeCodes {
    async fn issue(&self, _: Request<otp::IssueRequest>) -> Result<Response<otp::IssueResponse>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn consume(
        &self,
        request: Request<otp::ConsumeRequest>,
    ) -> Result<Response<otp::ConsumeResponse>, Status> {
        require_auth(&request);
        let request = request.into_inner();
        let Some(otp::consume_request::Proof::IssueCode(proof)) = request.proof else {
            return Err(status_from(Problem::of(Code::Internal)));
        };
        let used = self.0.codes.lock().unwrap().remove(&(request.purpose, proof.otp_id, proof.code));
        let user_id = used.map(|id| id.to_string()).unwrap_or_default();
        let valid = used.is_some();
        let channel = (*self.0.channel.lock().unwrap()).into();
        Ok(Response::new(otp::ConsumeResponse { valid, user_id, channel, target: Vec::new() }))
    }

    async fn look(&self, _: Request<otp::LookRequest>) -> Result<Response<otp::ConsumeResponse>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }
}

/// What roles allow: `keeper` is one that administrators made.
pub(crate) struct FakeAccess(pub(crate) Arc<World>);

#[tonic::async_trait]
impl Access for FakeAccess {
    type WatchAccessStream = BoxStream<'static, Result<users::AccessState, Status>>;

    async fn watch_access(
        &self,
        _: Request<users::WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        Err(status_from(Problem::of(Code::Internal)))
    }

    async fn check_access(
        &self,
        request: Request<users::CheckAccessRequest>,
    ) -> Result<Response<users::CheckAccessResponse>, Status> {
        require_auth(&request);
        let people = self.0.people.lock().unwrap();
        let user = people.values().find(|user| user.id == request.get_ref().user_id);
        let roles = user.map(|user| user.roles.clone()).unwrap_or_default();
        let made =
            if roles.iter().any(|role| role == "keeper") { &[Permission::RolesManage][..] } else { &[] };
        let permissions = Permissions::of_roles(&roles).union(Permissions::of(made)).bits();
        Ok(Response::new(users::CheckAccessResponse { roles, permissions }))
    }
}
