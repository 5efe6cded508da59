//! What a handler has at hand: who calls, and the clients of the services.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use denizen_kit::caller::{Caller, Person, Role};
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Deadline;
use denizen_rpc::audit::internal::v1::reports_client::ReportsClient;
use denizen_rpc::audit::v1::audit_client::AuditClient;
use denizen_rpc::audit::v1::statistics_client::StatisticsClient;
use denizen_rpc::audit::v1::trail_client::TrailClient;
use denizen_rpc::auth::v1::auth_client::AuthClient;
use denizen_rpc::auth::v1::factors_client::FactorsClient;
use denizen_rpc::auth::v1::service_accounts_client::ServiceAccountsClient;
use denizen_rpc::notify::v1::dead_letters_client::DeadLettersClient;
use denizen_rpc::notify::v1::notifications_client::NotificationsClient;
use denizen_rpc::otp::v1::otp_client::OtpClient;
use denizen_rpc::password::v1::ip_blocks_client::IpBlocksClient;
use denizen_rpc::password::v1::password_administration_client::PasswordAdministrationClient;
use denizen_rpc::password::v1::passwords_client::PasswordsClient;
use denizen_rpc::users::v1::administration_client::AdministrationClient;
use denizen_rpc::users::v1::privacy_client::PrivacyClient;
use denizen_rpc::users::v1::profiles_client::ProfilesClient;
use denizen_rpc::users::v1::transfer_client::TransferClient;
use denizen_rpc::users::v1::users_client::UsersClient;
use http::request::Parts;

use super::failure::Failure;
use crate::edge::limits;
use crate::edge::request::Visit;
use crate::state::App;

/// The context of a handler.
#[derive(Clone, Debug)]
pub(crate) struct Ctx {
    pub(crate) app: Arc<App>,
    pub(crate) visit: Visit,
}

// === impl Ctx ===

impl Ctx {
    fn call(&self) -> &Arc<Call> {
        &self.visit.call
    }

    pub(crate) fn person(&self) -> Option<&Person> {
        self.call().caller.person.as_deref()
    }

    /// The same with the whole of a deadline before it, for an answer that takes many calls. Who calls is looked at again:
    /// a session that has ended gets no more of the answer, and a role that was lost counts no more.
    pub(crate) async fn renewed(&self) -> Result<Self, Problem> {
        let person = match &self.call().caller.person {
            Some(person) => Some(self.app.authenticator.still(person).await?),
            None => None,
        };
        let caller = Caller { person, ..self.call().caller.clone() };
        let deadline = Deadline::within(DEFAULT_DEADLINE);
        let call = Arc::new(Call { caller, deadline, ..Call::clone(self.call()) });
        Ok(Self { app: self.app.clone(), visit: Visit { call, peer: self.visit.peer } })
    }

    /// The caller's own id, or 401.
    pub(crate) fn me(&self) -> Result<String, Problem> {
        self.person()
            .map(|person| person.user_id.to_string())
            .ok_or_else(|| Problem::of(Code::Unauthenticated))
    }

    /// The id that a path names: `me` is the caller's own.
    pub(crate) fn user_id(&self, named: String) -> Result<String, Problem> {
        if named == "me" { self.me() } else { Ok(named) }
    }

    /// Whether the id is the caller's own.
    pub(crate) fn is_self(&self, user_id: &str) -> bool {
        let parsed = user_id.parse().ok();
        self.person().is_some_and(|person| Some(person.user_id) == parsed)
    }

    /// Whether a service account calls.
    pub(crate) fn is_service_account(&self) -> bool {
        self.person().is_some_and(|person| person.amr.iter().any(|method| method == "client"))
    }

    /// Counts a try with those for the same identifier.
    pub(crate) async fn limit_account(&self, identifier: &str) -> Result<(), Failure> {
        limits::check_account(&self.app, identifier).await
    }

    pub(crate) fn users(&self) -> UsersClient {
        self.app.links.users(self.call())
    }

    pub(crate) fn administration(&self) -> AdministrationClient {
        self.app.links.administration(self.call())
    }

    pub(crate) fn privacy(&self) -> PrivacyClient {
        self.app.links.privacy(self.call())
    }

    pub(crate) fn profiles(&self) -> ProfilesClient {
        self.app.links.profiles(self.call())
    }

    pub(crate) fn auth(&self) -> AuthClient {
        self.app.links.auth(self.call())
    }

    pub(crate) fn factors(&self) -> FactorsClient {
        self.app.links.factors(self.call())
    }

    pub(crate) fn service_accounts(&self) -> ServiceAccountsClient {
        self.app.links.service_accounts(self.call())
    }

    pub(crate) fn passwords(&self) -> PasswordsClient {
        self.app.links.passwords(self.call())
    }

    pub(crate) fn notifications(&self) -> NotificationsClient {
        self.app.links.notifications(self.call())
    }

    pub(crate) fn dead_letters(&self) -> DeadLettersClient {
        self.app.links.dead_letters(self.call())
    }

    pub(crate) fn ip_blocks(&self) -> IpBlocksClient {
        self.app.links.ip_blocks(self.call())
    }

    pub(crate) fn password_administration(&self) -> PasswordAdministrationClient {
        self.app.links.password_administration(self.call())
    }

    pub(crate) fn otp(&self) -> OtpClient {
        self.app.links.otp(self.call())
    }

    pub(crate) fn audit(&self) -> AuditClient {
        self.app.links.audit(self.call())
    }

    pub(crate) fn trail(&self) -> TrailClient {
        TrailClient::new(self.app.links.peer_as(Role::Audit, self.call().clone()))
    }

    pub(crate) fn reports(&self) -> ReportsClient {
        ReportsClient::new(self.app.links.peer_as(Role::Audit, self.call().clone()))
    }

    pub(crate) fn statistics(&self) -> StatisticsClient {
        StatisticsClient::new(self.app.links.peer_as(Role::Audit, self.call().clone()))
    }

    pub(crate) fn transfer(&self) -> TransferClient {
        self.app.links.transfer(self.call())
    }
}

impl FromRequestParts<Arc<App>> for Ctx {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let visit = parts.extensions.get::<Visit>().cloned();
        let no_door = || Problem::new(Code::Internal, "the request did not come through the door");
        Ok(Self { app: app.clone(), visit: visit.ok_or_else(no_door)? })
    }
}
