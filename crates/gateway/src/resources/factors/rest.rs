//! Second factors over REST.

use std::sync::Arc;

use axum::extract::Path;
use denizen_rpc::auth::v1 as wire;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{
    Challenge, ChallengeForm, CodeForm, Factor, FactorForm, PasswordForm, PendingFactor, RecoveryCodes,
};
use crate::faces::body::{Json, Missing, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::state::App;

/// The operations on second factors.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(get_factor, put_factor, remove_factor))
        .routes(routes!(confirm_factor))
        .routes(routes!(renew_recovery_codes))
        .routes(routes!(resend_code))
}

/// View the second factor
///
/// Oneself, or `users:write`.
#[utoipa::path(get, path = "/api/v1/users/{id}/second-factor", tag = "auth",
    params(("id" = String, Path, description = "Id, or `me`")),
    responses((status = 200, description = "What is in force, and what waits for its proof", body = Factor)))]
async fn get_factor(ctx: Ctx, Path(id): Path<String>) -> Result<axum::Json<Factor>, Failure> {
    let message = wire::GetFactorRequest { user_id: ctx.user_id(id)? };
    let factor = ctx.factors().get_factor(message).await?.into_inner();
    Ok(axum::Json(Factor::of(&factor)))
}

/// Set up a second factor
///
/// A code goes out by the channel; with its confirmation the factor is in force. Oneself only. With a factor in force
/// this moves it, and needs a fresh proof by it beside the password.
#[utoipa::path(put, path = "/api/v1/users/{id}/second-factor", tag = "auth",
    params(("id" = String, Path, description = "Id, or `me`")), request_body = FactorForm,
    responses((status = 202, description = "The code is on its way", body = PendingFactor)))]
async fn put_factor(
    ctx: Ctx,
    Path(id): Path<String>,
    Json(form): Json<FactorForm>,
) -> Result<(StatusCode, axum::Json<PendingFactor>), Failure> {
    let channel = form.channel()?.into();
    let message = wire::PutFactorRequest { user_id: ctx.user_id(id)?, channel, password: form.password };
    let pending = ctx.factors().put_factor(message).await?.into_inner();
    Ok((StatusCode::ACCEPTED, axum::Json(PendingFactor::of(&pending))))
}

/// Remove the second factor
///
/// Oneself, with the password and a fresh proof by the factor; or `users:write`.
#[utoipa::path(delete, path = "/api/v1/users/{id}/second-factor", tag = "auth",
    params(("id" = String, Path, description = "Id, or `me`")), request_body = Option<PasswordForm>,
    responses((status = 204, description = "It is removed")))]
async fn remove_factor(
    ctx: Ctx,
    Path(id): Path<String>,
    OptionalJson(form): OptionalJson<PasswordForm>,
) -> Result<StatusCode, Failure> {
    let message = wire::RemoveFactorRequest { user_id: ctx.user_id(id)?, password: form.password };
    ctx.factors().remove_factor(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Confirm the second factor
///
/// Puts it into force, ends the other sessions, and gives recovery codes, which are shown this once.
#[utoipa::path(post, path = "/api/v1/users/{id}/second-factor/confirm", tag = "auth",
    params(("id" = String, Path, description = "Id, or `me`")), request_body = CodeForm,
    responses((status = 200, description = "It is in force", body = RecoveryCodes)))]
async fn confirm_factor(
    ctx: Ctx,
    Path(id): Path<String>,
    Json(form): Json<CodeForm>,
) -> Result<axum::Json<RecoveryCodes>, Failure> {
    let mut missing = Missing::default();
    let code = missing.take("/code", form.code);
    missing.finish()?;
    let message = wire::ConfirmFactorRequest { user_id: ctx.user_id(id)?, code };
    let codes = ctx.factors().confirm_factor(message).await?.into_inner();
    Ok(axum::Json(RecoveryCodes::of(codes)))
}

/// Make new recovery codes
///
/// The old ones end. With the password and a fresh proof by the factor.
#[utoipa::path(post, path = "/api/v1/users/{id}/second-factor/recovery-codes", tag = "auth",
    params(("id" = String, Path, description = "Id, or `me`")), request_body = Option<PasswordForm>,
    responses((status = 200, description = "The new codes", body = RecoveryCodes)))]
async fn renew_recovery_codes(
    ctx: Ctx,
    Path(id): Path<String>,
    OptionalJson(form): OptionalJson<PasswordForm>,
) -> Result<axum::Json<RecoveryCodes>, Failure> {
    let message = wire::RenewRecoveryCodesRequest { user_id: ctx.user_id(id)?, password: form.password };
    let codes = ctx.factors().renew_recovery_codes(message).await?.into_inner();
    Ok(axum::Json(RecoveryCodes::of(codes)))
}

/// Send the code of a login again
///
/// The one before ends; the tries stay counted.
#[utoipa::path(post, path = "/api/v1/auth/login/otp/resend", tag = "auth", request_body = ChallengeForm,
    responses((status = 202, description = "It is on its way", body = Challenge)))]
async fn resend_code(
    ctx: Ctx,
    Json(form): Json<ChallengeForm>,
) -> Result<(StatusCode, axum::Json<Challenge>), Failure> {
    let mut missing = Missing::default();
    let challenge = missing.take("/challenge", form.challenge);
    missing.finish()?;
    let message = wire::ResendChallengeRequest { challenge };
    let challenge = ctx.factors().resend_challenge(message).await?.into_inner();
    Ok((StatusCode::ACCEPTED, axum::Json(Challenge::of(challenge))))
}
