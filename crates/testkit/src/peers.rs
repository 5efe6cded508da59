//! Stand-ins for the services that another one asks, as small as can be: what they answer is set by the test, what they
//! were asked is kept.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use denizen_kit::caller::Permissions;
use denizen_rpc::auth::internal::v1::sessions_server::{Sessions, SessionsServer};
use denizen_rpc::auth::internal::v1::{
    CheckSessionRequest, CheckSessionResponse, EndUserSessionsRequest, EndUserSessionsResponse, Revocations,
    WatchRevocationsRequest,
};
use denizen_rpc::events::internal::v1::event_log_server::{EventLog, EventLogServer};
use denizen_rpc::events::internal::v1::{
    AcknowledgeRequest, AcknowledgeResponse, Event, EventsRequest, EventsResponse, Ring, WatchRequest,
};
use denizen_rpc::otp::internal::v1::codes_server::{Codes, CodesServer};
use denizen_rpc::otp::internal::v1::{
    ConsumeRequest, ConsumeResponse, IssueRequest, IssueResponse, LookRequest, consume_request::Proof,
};
use denizen_rpc::otp::v1::Channel;
use denizen_rpc::users::internal::v1::access_server::{Access, AccessServer};
use denizen_rpc::users::internal::v1::directory_server::{Directory, DirectoryServer};
use denizen_rpc::users::internal::v1::{
    AccessState, CheckAccessRequest, CheckAccessResponse, Contact, DataKeysRequest, DataKeysResponse,
    GetContactRequest, LookupRequest, LookupResponse, ProveMailboxRequest, ProveMailboxResponse,
    WatchAccessRequest, lookup_request::By,
};
use denizen_rpc::users::v1::{Status as AccountStatus, User};
use futures::stream::Empty;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

/// Everything the peers know and were asked.
#[derive(Debug, Default)]
pub struct World {
    /// Accounts by identifier and by id.
    pub accounts: HashMap<String, (String, AccountStatus)>,
    /// The living reset code of a person.
    pub codes: HashMap<String, String>,
    /// How often a code was to be consumed.
    pub consumed: usize,
    /// How those codes travelled.
    pub channel: Channel,
    /// Whose mailbox was said to be proved.
    pub proved: Vec<String>,
    /// Who has a second factor.
    pub factors: HashSet<String>,
    /// Whose sessions were ended, but for which, why.
    pub ended: Vec<(String, String, String)>,
    /// What people may do beyond their own account.
    pub permissions: HashMap<String, Permissions>,
    /// The log of users.
    pub events: Vec<Event>,
    /// Up to where it was acknowledged.
    pub acknowledged: i64,
}

/// users, auth and otp, and the log of users.
#[derive(Clone, Debug, Default)]
pub struct Peers(Arc<Mutex<World>>);

// === impl Peers ===

impl Peers {
    /// What they know, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds all their contracts.
    pub fn add_routes(&self, routes: &mut RoutesBuilder) {
        self.add_directory(routes);
        routes.add_service(SessionsServer::new(self.clone()));
        routes.add_service(CodesServer::new(self.clone()));
        routes.add_service(EventLogServer::new(self.clone()));
        routes.add_service(AccessServer::new(self.clone()));
    }

    /// Adds the contract of users only.
    pub fn add_directory(&self, routes: &mut RoutesBuilder) {
        routes.add_service(DirectoryServer::new(self.clone()));
    }

    /// Makes an account that is found by its id and these identifiers.
    pub fn account(&self, id: &str, identifiers: &[&str], status: AccountStatus) {
        let mut world = self.world();
        for name in identifiers.iter().chain([&id]) {
            world.accounts.insert((*name).to_owned(), (id.to_owned(), status));
        }
    }
}

#[tonic::async_trait]
impl Directory for Peers {
    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupResponse>, Status> {
        use By::{Email, Identifier, Mobile, UserId, Username};
        let by = request.into_inner().by.ok_or_else(|| Status::internal("by"))?;
        let (Identifier(name) | UserId(name) | Email(name) | Username(name) | Mobile(name)) = by;
        let found = self.world().accounts.get(&name).cloned();
        let user = found.map(|(id, status)| User {
            id,
            status: status.into(),
            mobile: Some("+4917612345678".to_owned()),
            ..User::default()
        });
        Ok(Response::new(LookupResponse { user, identifier_key: Vec::new() }))
    }

    async fn get_contact(&self, request: Request<GetContactRequest>) -> Result<Response<Contact>, Status> {
        let found = self.world().accounts.get(&request.into_inner().user_id).cloned();
        let contact = found.map(|(_, status)| Contact {
            found: true,
            name: "Ada Lovelace".to_owned(),
            email: "ada@analytical.test".to_owned(),
            status: status.into(),
            ..Contact::default()
        });
        Ok(Response::new(contact.unwrap_or_default()))
    }

    async fn prove_mailbox(
        &self,
        request: Request<ProveMailboxRequest>,
    ) -> Result<Response<ProveMailboxResponse>, Status> {
        self.world().proved.push(request.into_inner().user_id);
        Ok(Response::new(ProveMailboxResponse {}))
    }

    async fn data_keys(&self, _: Request<DataKeysRequest>) -> Result<Response<DataKeysResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tonic::async_trait]
impl Access for Peers {
    type WatchAccessStream = Empty<Result<AccessState, Status>>;

    async fn watch_access(
        &self,
        _: Request<WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let held = self.world().permissions.get(&request.get_ref().user_id).copied();
        let permissions = held.unwrap_or_default().bits();
        Ok(Response::new(CheckAccessResponse { permissions, ..CheckAccessResponse::default() }))
    }
}

#[tonic::async_trait]
impl Sessions for Peers {
    type WatchRevocationsStream = Empty<Result<Revocations, Status>>;

    async fn end_user_sessions(
        &self,
        request: Request<EndUserSessionsRequest>,
    ) -> Result<Response<EndUserSessionsResponse>, Status> {
        let request = request.into_inner();
        let mut world = self.world();
        let second_factor = world.factors.contains(&request.user_id);
        world.ended.push((request.user_id, request.except_session_id, request.reason));
        Ok(Response::new(EndUserSessionsResponse { ended: 1, second_factor }))
    }

    async fn check_session(
        &self,
        _: Request<CheckSessionRequest>,
    ) -> Result<Response<CheckSessionResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn watch_revocations(
        &self,
        _: Request<WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tonic::async_trait]
impl Codes for Peers {
    async fn issue(&self, _: Request<IssueRequest>) -> Result<Response<IssueResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn consume(&self, request: Request<ConsumeRequest>) -> Result<Response<ConsumeResponse>, Status> {
        let Some(Proof::UserCode(proof)) = request.into_inner().proof else {
            return Err(Status::internal("proof"));
        };
        let mut world = self.world();
        world.consumed += 1;
        let valid = world.codes.get(&proof.user_id) == Some(&proof.code);
        if !valid {
            return Ok(Response::new(ConsumeResponse::default()));
        }
        world.codes.remove(&proof.user_id);
        let channel = world.channel.into();
        let user_id = proof.user_id;
        Ok(Response::new(ConsumeResponse { valid, user_id, channel, ..ConsumeResponse::default() }))
    }

    async fn look(&self, _: Request<LookRequest>) -> Result<Response<ConsumeResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tonic::async_trait]
impl EventLog for Peers {
    type WatchStream = Empty<Result<Ring, Status>>;

    async fn events(&self, request: Request<EventsRequest>) -> Result<Response<EventsResponse>, Status> {
        let after = request.into_inner().after_seq;
        let events = self.world().events.iter().filter(|event| event.seq > after).cloned().collect();
        Ok(Response::new(EventsResponse { events }))
    }

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("polled"))
    }

    async fn acknowledge(
        &self,
        request: Request<AcknowledgeRequest>,
    ) -> Result<Response<AcknowledgeResponse>, Status> {
        self.world().acknowledged = request.into_inner().seq;
        Ok(Response::new(AcknowledgeResponse {}))
    }
}
