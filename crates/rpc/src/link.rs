//! Where calls to a service go, and the clients that go there.

use std::collections::HashMap;
use std::sync::Arc;

use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, Cx};
use denizen_kit::trace::Tracer;
use tonic::transport::Channel;

use crate::audit::internal::v1::audit_records_client::AuditRecordsClient;
use crate::audit::v1::audit_client::AuditClient;
use crate::auth::internal::v1::activity_client::ActivityClient;
use crate::auth::internal::v1::auth_records_client::AuthRecordsClient;
use crate::auth::internal::v1::sessions_client::SessionsClient;
use crate::auth::internal::v1::signing_client::SigningClient;
use crate::auth::v1::auth_client::AuthClient;
use crate::auth::v1::factors_client::FactorsClient;
use crate::auth::v1::service_accounts_client::ServiceAccountsClient;
use crate::caller::Signer;
use crate::events::internal::v1::event_log_client::EventLogClient;
use crate::notify::internal::v1::mailbox_client::MailboxClient;
use crate::notify::internal::v1::notify_records_client::NotifyRecordsClient;
use crate::notify::v1::dead_letters_client::DeadLettersClient;
use crate::notify::v1::notifications_client::NotificationsClient;
use crate::otp::internal::v1::codes_client::CodesClient;
use crate::otp::internal::v1::otp_records_client::OtpRecordsClient;
use crate::otp::v1::otp_client::OtpClient;
use crate::password::internal::v1::credentials_client::CredentialsClient;
use crate::password::internal::v1::ip_block_feed_client::IpBlockFeedClient;
use crate::password::internal::v1::password_records_client::PasswordRecordsClient;
use crate::password::internal::v1::transfer_client::TransferClient as HashesClient;
use crate::password::v1::ip_blocks_client::IpBlocksClient;
use crate::password::v1::password_administration_client::PasswordAdministrationClient;
use crate::password::v1::passwords_client::PasswordsClient;
use crate::peer::Peer;
use crate::services::Services;
use crate::users::internal::v1::access_client::AccessClient;
use crate::users::internal::v1::directory_client::DirectoryClient;
use crate::users::v1::administration_client::AdministrationClient;
use crate::users::v1::privacy_client::PrivacyClient;
use crate::users::v1::profiles_client::ProfilesClient;
use crate::users::v1::transfer_client::TransferClient;
use crate::users::v1::users_client::UsersClient;

/// Where calls to a service go: into this process, out to another, or nowhere.
#[derive(Clone, Debug)]
pub enum Link {
    /// The role runs in this process.
    Local(Services),
    /// The role runs elsewhere.
    Remote(Channel),
    /// Nobody said where the role runs: each call is answered UNAVAILABLE, naming the setting.
    Absent,
}

/// The links of one role to all others.
#[derive(Clone, Debug)]
pub struct Links {
    role: Role,
    table: Arc<HashMap<Role, Link>>,
    signer: Arc<Signer>,
    tracer: Tracer,
}

// === impl Links ===

impl Links {
    /// The links of a role.
    pub fn new(role: Role, table: Arc<HashMap<Role, Link>>, signer: Signer) -> Self {
        Self { role, table, signer: Arc::new(signer), tracer: Tracer::off() }
    }

    /// The same links, with a span for each call within a trace that is recorded.
    #[must_use]
    pub fn traced(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// The same links for another role.
    #[must_use]
    pub fn of(&self, role: Role) -> Self {
        Self { role, ..self.clone() }
    }

    /// Where a role is.
    pub fn link(&self, role: Role) -> Link {
        self.table.get(&role).cloned().unwrap_or(Link::Absent)
    }

    /// A way to a role for calls that follow from `cx`, on behalf of the same person.
    pub fn peer(&self, role: Role, cx: &Cx) -> Peer {
        let cause = cx.call();
        let call = Call {
            caller: Caller { service: self.role, person: cause.caller.person.clone() },
            idempotency: None,
            ..Call::clone(cause)
        };
        self.peer_as(role, Arc::new(call))
    }

    /// A way to a role for a call that is complete as it stands: the edge's.
    pub fn peer_as(&self, role: Role, call: Arc<Call>) -> Peer {
        let (link, signer, tracer) = (self.link(role), self.signer.clone(), self.tracer.clone());
        Peer { link, role, call, signer, tracer }
    }

    /// Internal operations of users.
    pub fn directory(&self, cx: &Cx) -> DirectoryClient {
        DirectoryClient::new(self.peer(Role::Users, cx))
    }

    /// What roles allow, for gateways.
    pub fn access(&self, cx: &Cx) -> AccessClient {
        AccessClient::new(self.peer(Role::Users, cx))
    }

    /// Internal operations of auth.
    pub fn sessions(&self, cx: &Cx) -> SessionsClient {
        SessionsClient::new(self.peer(Role::Auth, cx))
    }

    /// What gateways tell of the use of sessions.
    pub fn activity(&self, cx: &Cx) -> ActivityClient {
        ActivityClient::new(self.peer(Role::Auth, cx))
    }

    /// The keys of access tokens.
    pub fn signing(&self, cx: &Cx) -> SigningClient {
        SigningClient::new(self.peer(Role::Auth, cx))
    }

    /// Internal operations of password.
    pub fn credentials(&self, cx: &Cx) -> CredentialsClient {
        CredentialsClient::new(self.peer(Role::Password, cx))
    }

    /// Passwords of many accounts at once.
    pub fn hashes(&self, cx: &Cx) -> HashesClient {
        HashesClient::new(self.peer(Role::Password, cx))
    }

    /// The feed of IP blocks.
    pub fn ip_block_feed(&self, cx: &Cx) -> IpBlockFeedClient {
        IpBlockFeedClient::new(self.peer(Role::Password, cx))
    }

    /// Internal operations of otp.
    pub fn codes(&self, cx: &Cx) -> CodesClient {
        CodesClient::new(self.peer(Role::Otp, cx))
    }

    /// The event log of a service.
    pub fn event_log(&self, producer: Role, cx: &Cx) -> EventLogClient {
        EventLogClient::new(self.peer(producer, cx))
    }

    // --- what each service holds about a person, for their archive and its end

    /// The records of auth.
    pub fn auth_records(&self, cx: &Cx) -> AuthRecordsClient {
        AuthRecordsClient::new(self.peer(Role::Auth, cx))
    }

    /// The records of password.
    pub fn password_records(&self, cx: &Cx) -> PasswordRecordsClient {
        PasswordRecordsClient::new(self.peer(Role::Password, cx))
    }

    /// The records of otp.
    pub fn otp_records(&self, cx: &Cx) -> OtpRecordsClient {
        OtpRecordsClient::new(self.peer(Role::Otp, cx))
    }

    /// The records of notify.
    pub fn notify_records(&self, cx: &Cx) -> NotifyRecordsClient {
        NotifyRecordsClient::new(self.peer(Role::Notify, cx))
    }

    /// The records of audit.
    pub fn audit_records(&self, cx: &Cx) -> AuditRecordsClient {
        AuditRecordsClient::new(self.peer(Role::Audit, cx))
    }

    // --- public operations, for the edge

    /// Many accounts at once.
    pub fn transfer(&self, call: &Arc<Call>) -> TransferClient {
        TransferClient::new(self.peer_as(Role::Users, call.clone()))
    }

    /// Operations on accounts.
    pub fn users(&self, call: &Arc<Call>) -> UsersClient {
        UsersClient::new(self.peer_as(Role::Users, call.clone()))
    }

    /// What a person may ask of those who keep their data.
    pub fn privacy(&self, call: &Arc<Call>) -> PrivacyClient {
        PrivacyClient::new(self.peer_as(Role::Users, call.clone()))
    }

    /// Operations on pictures and push tokens.
    pub fn profiles(&self, call: &Arc<Call>) -> ProfilesClient {
        ProfilesClient::new(self.peer_as(Role::Users, call.clone()))
    }

    /// What administrators do with accounts and roles.
    pub fn administration(&self, call: &Arc<Call>) -> AdministrationClient {
        AdministrationClient::new(self.peer_as(Role::Users, call.clone()))
    }

    /// Operations on logins, tokens and sessions.
    pub fn auth(&self, call: &Arc<Call>) -> AuthClient {
        AuthClient::new(self.peer_as(Role::Auth, call.clone()))
    }

    /// Operations on accounts of machines.
    pub fn service_accounts(&self, call: &Arc<Call>) -> ServiceAccountsClient {
        ServiceAccountsClient::new(self.peer_as(Role::Auth, call.clone()))
    }

    /// Operations on second factors.
    pub fn factors(&self, call: &Arc<Call>) -> FactorsClient {
        FactorsClient::new(self.peer_as(Role::Auth, call.clone()))
    }

    /// Operations on passwords.
    pub fn passwords(&self, call: &Arc<Call>) -> PasswordsClient {
        PasswordsClient::new(self.peer_as(Role::Password, call.clone()))
    }

    /// Operations on IP blocks.
    pub fn ip_blocks(&self, call: &Arc<Call>) -> IpBlocksClient {
        IpBlocksClient::new(self.peer_as(Role::Password, call.clone()))
    }

    /// What administrators do with passwords.
    pub fn password_administration(&self, call: &Arc<Call>) -> PasswordAdministrationClient {
        PasswordAdministrationClient::new(self.peer_as(Role::Password, call.clone()))
    }

    /// Operations on one-time passwords.
    pub fn otp(&self, call: &Arc<Call>) -> OtpClient {
        OtpClient::new(self.peer_as(Role::Otp, call.clone()))
    }

    /// Operations on the audit trail.
    pub fn audit(&self, call: &Arc<Call>) -> AuditClient {
        AuditClient::new(self.peer_as(Role::Audit, call.clone()))
    }

    /// What services send to people.
    pub fn notifications(&self, call: &Arc<Call>) -> NotificationsClient {
        NotificationsClient::new(self.peer_as(Role::Notify, call.clone()))
    }

    /// What could not be delivered.
    pub fn dead_letters(&self, call: &Arc<Call>) -> DeadLettersClient {
        DeadLettersClient::new(self.peer_as(Role::Notify, call.clone()))
    }

    /// The development mailbox.
    pub fn mailbox(&self, call: &Arc<Call>) -> MailboxClient {
        MailboxClient::new(self.peer_as(Role::Notify, call.clone()))
    }
}
