//! Logging in and tokens over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as wire;
use http::StatusCode;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{
    LoginAnswer, LoginForm, LogoutForm, OtpLoginForm, RefreshForm, StepUpForm, TokenForm, Tokens,
};
use crate::faces::body::{Json, Missing, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::etag::IfNoneMatch;
use crate::faces::failure::Failure;
use crate::faces::form::JsonOrForm;
use crate::resources::service_accounts;
use crate::resources::users::rest::get_user;
use crate::resources::users::view::User;
use crate::state::App;

/// The operations on logins and tokens.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(login_with_otp))
        .routes(routes!(step_up))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(validate))
}

/// Log in
///
/// By e-mail, user name or mobile, and password.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = LoginForm,
    responses((status = 200, description = "Tokens, or the challenge of a second factor", body = LoginAnswer)))]
async fn login(ctx: Ctx, Json(form): Json<LoginForm>) -> Result<Response, Failure> {
    let by = form.by()?;
    ctx.limit_account(form.identifier()).await?;
    let mut missing = Missing::default();
    let password = missing.take("/password", form.password);
    missing.finish()?;
    answer(ctx.auth().login(wire::LoginRequest { by: Some(by), password }).await)
}

/// Log in by a one-time password
///
/// As the second factor of a login, where a recovery code is taken too, or by a code alone. An account with a second
/// factor is not opened by a code alone.
#[utoipa::path(post, path = "/api/v1/auth/login/otp", tag = "auth", request_body = OtpLoginForm,
    responses((status = 200, description = "Tokens", body = LoginAnswer)))]
async fn login_with_otp(ctx: Ctx, Json(form): Json<OtpLoginForm>) -> Result<Response, Failure> {
    let of = form.of()?;
    let mut missing = Missing::default();
    let code = missing.take("/code", form.code);
    missing.finish()?;
    answer(ctx.auth().login_with_otp(wire::LoginWithOtpRequest { of: Some(of), code }).await)
}

/// Prove oneself again
///
/// Gives an access token with a fresh `auth_time`, for sensitive changes.
#[utoipa::path(post, path = "/api/v1/auth/step-up", tag = "auth", request_body = StepUpForm,
    responses((status = 200, description = "A new access token", body = Tokens)))]
async fn step_up(ctx: Ctx, Json(form): Json<StepUpForm>) -> Result<axum::Json<Tokens>, Failure> {
    let proof = Some(form.proof()?);
    let tokens = ctx.auth().step_up(wire::StepUpRequest { proof }).await?.into_inner();
    Ok(axum::Json(Tokens::of(tokens)))
}

/// Refresh
///
/// Gives a new pair of tokens; the refresh token is used up.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", request_body = RefreshForm,
    responses((status = 200, description = "Tokens", body = Tokens)))]
async fn refresh(ctx: Ctx, Json(form): Json<RefreshForm>) -> Result<axum::Json<Tokens>, Failure> {
    let mut missing = Missing::default();
    let refresh_token = missing.take("/refresh_token", form.refresh_token);
    missing.finish()?;
    let tokens = ctx.auth().refresh(wire::RefreshRequest { refresh_token }).await?.into_inner();
    Ok(axum::Json(Tokens::of(tokens)))
}

/// Log out
///
/// Ends the present session, or all of them.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", request_body = Option<LogoutForm>,
    responses((status = 204, description = "It has ended")))]
async fn logout(ctx: Ctx, OptionalJson(form): OptionalJson<LogoutForm>) -> Result<StatusCode, Failure> {
    ctx.auth().logout(wire::LogoutRequest { all: form.all.unwrap_or_default() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// View one's own account
///
/// A service account gets its own form: `type` is `service_account`.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth", responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String))),
    (status = 304, description = "It is as the client has it")))]
async fn me(ctx: Ctx, held: IfNoneMatch) -> Result<Response, Failure> {
    if ctx.is_service_account() {
        let id = ctx.me()?;
        return Ok(service_accounts::rest::view(&ctx, id).await?.into_response());
    }
    get_user(ctx, Path("me".to_owned()), held).await
}

/// Check an access token
///
/// Whether it is good now, and its claims (RFC 7662). One's own needs no other proof; another's needs the role
/// `service`. A form is taken as well.
#[utoipa::path(post, path = "/api/v1/auth/validate", tag = "auth", request_body = TokenForm,
    responses((status = 200, description = "`active`, and the claims when it is true", body = Object)))]
async fn validate(ctx: Ctx, JsonOrForm(form): JsonOrForm<TokenForm>) -> Result<axum::Json<Value>, Failure> {
    let mut missing = Missing::default();
    let token = missing.take("/token", form.token);
    missing.finish()?;
    let answer = ctx.auth().validate_token(wire::ValidateTokenRequest { token }).await?.into_inner();
    let mut claims = Map::new();
    if answer.active {
        claims = serde_json::from_str(&answer.claims).map_err(Problem::internal)?;
    }
    claims.insert("active".to_owned(), Value::Bool(answer.active));
    Ok(axum::Json(Value::Object(claims)))
}

/// What a login gave.
fn answer(outcome: Result<tonic::Response<wire::LoginResponse>, tonic::Status>) -> Result<Response, Failure> {
    let given = LoginAnswer::of(outcome?.into_inner());
    let nothing = || Problem::new(Code::Internal, "the login gave neither tokens nor a challenge");
    Ok(axum::Json(given.ok_or_else(nothing)?).into_response())
}
