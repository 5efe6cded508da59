//! The services that notify asks, played: they know what a test tells them and remember what they were asked.

use std::collections::{HashMap, HashSet};

use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;
use denizen_rpc::events::internal::v1::event_log_server::EventLog;
use denizen_rpc::events::internal::v1::{self as events, Event};
use denizen_rpc::otp::internal::v1::codes_server::Codes;
use denizen_rpc::otp::internal::v1::{
    ConsumeRequest, ConsumeResponse, IssueRequest, IssueResponse, LookRequest,
};
use denizen_rpc::password::internal::v1::credentials_server::Credentials;
use denizen_rpc::password::internal::v1::{self as password, IssueResetRequest, IssueResetResponse};
use denizen_rpc::status_from;
use denizen_rpc::users::internal::v1::directory_server::Directory;
use denizen_rpc::users::internal::v1::{
    Contact, DataKey, DataKeysRequest, DataKeysResponse, GetContactRequest, LookupRequest, LookupResponse,
    ProveMailboxRequest, ProveMailboxResponse, lookup_request::By,
};
use denizen_rpc::users::v1::{Preferences, Status as AccountStatus, User};
use tonic::{Request, Response, Status};

use super::{Shared, Streamed, person};

/// users, otp, password and their logs in one.
#[derive(Clone, Default)]
pub(crate) struct Peers {
    pub(crate) contacts: Shared<HashMap<String, Contact>>,
    pub(crate) erased: Shared<HashSet<String>>,
    pub(crate) issued: Shared<Vec<IssueRequest>>,
    /// Whose identifier an `otp_id` stands for.
    pub(crate) owners: Shared<HashMap<String, UserId>>,
    pub(crate) log: Shared<HashMap<String, Vec<Event>>>,
    pub(crate) acknowledged: Shared<HashMap<String, i64>>,
    pub(crate) down: Shared<bool>,
}

impl Peers {
    /// Ada, with unproved addresses and a language.
    pub(crate) fn ada(&self, locale: &str) -> UserId {
        let id = person(1);
        let contact = Contact {
            found: true,
            name: "Ada Lovelace".into(),
            email: "Ada@example.test".into(),
            mobile: "+4930123456".into(),
            preferences: Some(Preferences { locale: locale.into(), ..Preferences::default() }),
            status: AccountStatus::Active.into(),
            ..Contact::default()
        };
        self.contacts.lock().unwrap().insert(id.to_string(), contact);
        id
    }

    /// Changes what is known of a person.
    pub(crate) fn change(&self, id: UserId, change: impl FnOnce(&mut Contact)) {
        change(self.contacts.lock().unwrap().get_mut(&id.to_string()).unwrap());
    }

    /// A person's data key.
    pub(crate) fn key(id: UserId) -> Key {
        Key::from_bytes([5; 32]).derive(&id.to_string())
    }

    fn up(&self) -> Result<(), Status> {
        if *self.down.lock().unwrap() { Err(status_from(Problem::unavailable("down"))) } else { Ok(()) }
    }
}

#[tonic::async_trait]
impl Directory for Peers {
    /// By id or address; of the account that is found only the id is told.
    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupResponse>, Status> {
        self.up()?;
        let by = request.into_inner().by;
        let contacts = self.contacts.lock().unwrap();
        let found = contacts.iter().find(|(id, contact)| match &by {
            Some(By::UserId(wanted)) => *id == wanted,
            Some(By::Email(wanted)) => contact.email.eq_ignore_ascii_case(wanted),
            Some(By::Mobile(wanted)) => contact.mobile == *wanted,
            _ => false,
        });
        let user = found.map(|(id, _)| User { id: id.clone(), ..User::default() });
        Ok(Response::new(LookupResponse { user, ..LookupResponse::default() }))
    }

    async fn get_contact(&self, request: Request<GetContactRequest>) -> Result<Response<Contact>, Status> {
        self.up()?;
        let found = self.contacts.lock().unwrap().get(&request.get_ref().user_id).cloned();
        Ok(Response::new(found.unwrap_or_default()))
    }

    async fn prove_mailbox(
        &self,
        _: Request<ProveMailboxRequest>,
    ) -> Result<Response<ProveMailboxResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn data_keys(
        &self,
        request: Request<DataKeysRequest>,
    ) -> Result<Response<DataKeysResponse>, Status> {
        self.up()?;
        let erased = self.erased.lock().unwrap();
        let known = request.into_inner().user_ids.into_iter().filter(|id| !erased.contains(id));
        let keys = known.map(|user_id| {
            let key = Self::key(user_id.parse().unwrap()).expose().to_vec();
            DataKey { user_id, key }
        });
        Ok(Response::new(DataKeysResponse { keys: keys.collect(), ..DataKeysResponse::default() }))
    }
}

#[tonic::async_trait]
impl Codes for Peers {
    async fn issue(&self, request: Request<IssueRequest>) -> Result<Response<IssueResponse>, Status> {
        self.up()?;
        let request = request.into_inner();
        self.issued.lock().unwrap().push(request.clone());
        let owner = self.owners.lock().unwrap().get(&request.issue_id).map(ToString::to_string);
        let user_id = if request.user_id.is_empty() { owner } else { Some(request.user_id) };
        let Some(user_id) = user_id else { return Ok(Response::new(IssueResponse::default())) };
        let answer = IssueResponse {
            due: true,
            code: "424242".into(),
            token: "tok_EN-1".into(),
            user_id,
            purpose: request.purpose,
            ..IssueResponse::default()
        };
        Ok(Response::new(answer))
    }

    async fn look(&self, _: Request<LookRequest>) -> Result<Response<ConsumeResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn consume(&self, _: Request<ConsumeRequest>) -> Result<Response<ConsumeResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

#[tonic::async_trait]
impl Credentials for Peers {
    async fn put_credential(
        &self,
        _: Request<password::PutCredentialRequest>,
    ) -> Result<Response<password::PutCredentialResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn verify_credential(
        &self,
        _: Request<password::VerifyCredentialRequest>,
    ) -> Result<Response<password::VerifyCredentialResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn issue_reset(
        &self,
        _: Request<IssueResetRequest>,
    ) -> Result<Response<IssueResetResponse>, Status> {
        self.up()?;
        Ok(Response::new(IssueResetResponse { token: "reset_TOK-1".into(), expires_at: None }))
    }

    async fn drop_credential(
        &self,
        _: Request<password::DropCredentialRequest>,
    ) -> Result<Response<password::DropCredentialResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

#[tonic::async_trait]
impl EventLog for Peers {
    type WatchStream = Streamed<events::Ring>;

    async fn events(
        &self,
        request: Request<events::EventsRequest>,
    ) -> Result<Response<events::EventsResponse>, Status> {
        let request = request.into_inner();
        let log = self.log.lock().unwrap();
        let events =
            log.get(&request.producer).into_iter().flatten().filter(|event| event.seq > request.after_seq);
        Ok(Response::new(events::EventsResponse { events: events.cloned().collect() }))
    }

    async fn watch(&self, _: Request<events::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(futures::stream::pending())))
    }

    async fn acknowledge(
        &self,
        request: Request<events::AcknowledgeRequest>,
    ) -> Result<Response<events::AcknowledgeResponse>, Status> {
        let request = request.into_inner();
        self.acknowledged.lock().unwrap().insert(request.producer, request.seq);
        Ok(Response::new(events::AcknowledgeResponse {}))
    }
}
