//! The contracts: decode, operation, encode.

mod activity;
mod factors;
mod records;
mod service_accounts;
mod signing;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::problem::Problem;
use denizen_rpc::auth::internal::v1::sessions_server::Sessions;
use denizen_rpc::auth::internal::v1::{
    CheckSessionRequest, CheckSessionResponse, EndUserSessionsRequest, EndUserSessionsResponse, Revocations,
    WatchRevocationsRequest,
};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::auth::v1::auth_server::Auth;
use denizen_rpc::{Reply, decode, serve};
use futures::Stream;
use tonic::{Request, Status};

use crate::model::{OtpLogin, PasswordLogin, StepUpProof};
use crate::{App, ops};

pub(crate) use activity::ActivityService;
pub(crate) use factors::FactorsService;
pub(crate) use records::RecordsService;
pub(crate) use service_accounts::ServiceAccountsService;
pub(crate) use signing::SigningService;

/// The public operations.
pub(crate) struct AuthService(pub(crate) Arc<App>);

/// The internal operations.
pub(crate) struct SessionsService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Auth for AuthService {
    async fn login(&self, request: Request<p::LoginRequest>) -> Reply<p::LoginResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wanted = PasswordLogin::read(request)?;
            Ok(logged_in(ops::login(app, &cx, wanted).await?))
        })
        .await
    }

    async fn login_with_otp(&self, request: Request<p::LoginWithOtpRequest>) -> Reply<p::LoginResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let outcome = match OtpLogin::read(request)? {
                OtpLogin::Challenge(wanted) => ops::redeem_challenge(app, &cx, wanted).await?,
                OtpLogin::Code(wanted) => ops::login_with_otp(app, &cx, wanted).await?,
            };
            Ok(logged_in(outcome))
        })
        .await
    }

    async fn refresh(&self, request: Request<p::RefreshRequest>) -> Reply<p::Tokens> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::refresh(app, &cx, &request.refresh_token).await?)
        })
        .await
    }

    async fn logout(&self, request: Request<p::LogoutRequest>) -> Reply<p::LogoutResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let end = async || Ok(p::LogoutResponse { ended: ops::logout(app, &cx, request.all).await? });
            let reply = app.db.run_once(&cx, "auth.Logout", end).await;
            app.feed.ring();
            reply
        })
        .await
    }

    async fn step_up(&self, request: Request<p::StepUpRequest>) -> Reply<p::Tokens> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let proof = StepUpProof::read(request)?;
            Ok(ops::step_up(app, &cx, proof).await?)
        })
        .await
    }

    async fn validate_token(
        &self,
        request: Request<p::ValidateTokenRequest>,
    ) -> Reply<p::ValidateTokenResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let claims = ops::validate_token(app, &cx, &request.token).await?;
            let Some(claims) = claims else { return Ok(p::ValidateTokenResponse::default()) };
            let claims = serde_json::to_string(&claims).map_err(Problem::internal)?;
            Ok(p::ValidateTokenResponse { active: true, claims })
        })
        .await
    }

    async fn list_sessions(
        &self,
        request: Request<p::ListSessionsRequest>,
    ) -> Reply<p::ListSessionsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let page = ops::Page {
                user_id: decode::optional_id(&request.user_id)?,
                limit: decode::limit(request.limit)?,
                cursor: request.cursor,
            };
            Ok(ops::list_sessions(app, &cx, &page).await?)
        })
        .await
    }

    async fn end_session(&self, request: Request<p::EndSessionRequest>) -> Reply<p::EndSessionResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::end_session(app, &cx, decode::id(&request.session_id)?).await?)
        })
        .await
    }

    async fn end_other_sessions(
        &self,
        request: Request<p::EndOtherSessionsRequest>,
    ) -> Reply<p::EndSessionResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| {
            let end = async || Ok(p::EndSessionResponse { ended: ops::end_other_sessions(app, &cx).await? });
            let reply = app.db.run_once(&cx, "auth.EndOtherSessions", end).await;
            app.feed.ring();
            reply
        })
        .await
    }

    async fn end_sessions_of(
        &self,
        request: Request<p::EndSessionsOfRequest>,
    ) -> Reply<p::EndSessionResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::end_sessions_of(app, &cx, decode::id(&request.user_id)?).await?)
        })
        .await
    }

    async fn get_jwks(&self, request: Request<p::GetJwksRequest>) -> Reply<p::Jwks> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| Ok(p::Jwks { keys: ops::get_jwks(app, &cx).await? })).await
    }
}

#[tonic::async_trait]
impl Sessions for SessionsService {
    async fn end_user_sessions(
        &self,
        request: Request<EndUserSessionsRequest>,
    ) -> Reply<EndUserSessionsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            let except = decode::optional_id(&request.except_session_id)?;
            let (reason, forget) = (request.reason.as_str(), request.forget);
            let ending = ops::Ending { user_id, except, reason, forget };
            let end = async || Ok(ops::end_user_sessions(app, &cx, &ending).await?);
            let reply = app.db.run(&cx, end).await;
            app.feed.ring();
            reply
        })
        .await
    }

    async fn check_session(&self, request: Request<CheckSessionRequest>) -> Reply<CheckSessionResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let id = decode::id(&request.session_id)?;
            Ok(CheckSessionResponse { live: ops::check_session(app, &cx, id).await? })
        })
        .await
    }

    type WatchRevocationsStream = Pin<Box<dyn Stream<Item = Result<Revocations, Status>> + Send>>;

    async fn watch_revocations(
        &self,
        request: Request<WatchRevocationsRequest>,
    ) -> Reply<Self::WatchRevocationsStream> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let millis = u64::from(request.within_ms);
            let within = (millis > 0).then(|| Duration::from_millis(millis));
            let stream: Self::WatchRevocationsStream = Box::pin(ops::watch_revocations(app, &cx, within)?);
            Ok(stream)
        })
        .await
    }
}

fn logged_in(outcome: p::login_response::Result) -> p::LoginResponse {
    p::LoginResponse { result: Some(outcome) }
}
