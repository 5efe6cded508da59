//! Passwords over REST.

use std::sync::Arc;

use axum::extract::Path;
use denizen_kit::problem::Problem;
use denizen_rpc::password::v1 as wire;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{Accepted, ChangeForm, ForgotForm, ResetForm, StartResetForm, Strength, StrengthForm};
use crate::faces::body::{Json, Missing, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::state::App;

/// The operations on passwords.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(change_password))
        .routes(routes!(forgot_password))
        .routes(routes!(reset_password))
        .routes(routes!(check_strength))
        .routes(routes!(start_reset))
}

/// Change the password
///
/// One's own; the other sessions end.
#[utoipa::path(put, path = "/api/v1/users/{id}/password", tag = "password", params(("id" = String, Path, description = "Id, or `me`")),
    request_body = ChangeForm, responses((status = 204, description = "It is changed")))]
async fn change_password(
    ctx: Ctx,
    Path(id): Path<String>,
    Json(form): Json<ChangeForm>,
) -> Result<StatusCode, Failure> {
    let mut missing = Missing::default();
    let current_password = missing.take("/current_password", form.current_password);
    let new_password = missing.take("/new_password", form.new_password);
    missing.finish()?;
    let message = wire::ChangePasswordRequest { user_id: ctx.user_id(id)?, current_password, new_password };
    ctx.passwords().change_password(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgot the password
///
/// Sends a link or a code, if there is such an account; the answer never tells.
#[utoipa::path(post, path = "/api/v1/password/forgot", tag = "password", request_body = ForgotForm,
    responses((status = 202, description = "The request is taken", body = Accepted)))]
async fn forgot_password(
    ctx: Ctx,
    Json(form): Json<ForgotForm>,
) -> Result<(StatusCode, axum::Json<Accepted>), Failure> {
    let by = form.by()?;
    ctx.limit_account(form.identifier()).await?;
    let via = form.via.unwrap_or_else(|| "link".to_owned());
    if via != "link" && via != "otp" {
        return Err(Problem::invalid("/via", "unknown", "via is link or otp").into());
    }
    ctx.passwords().forgot_password(wire::ForgotPasswordRequest { by: Some(by), via }).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Accepted { accepted: true })))
}

/// Reset the password
///
/// By the token of the link, or by identifier and code; all sessions end.
#[utoipa::path(post, path = "/api/v1/password/reset", tag = "password", request_body = ResetForm,
    responses((status = 204, description = "It is set")))]
async fn reset_password(ctx: Ctx, Json(form): Json<ResetForm>) -> Result<StatusCode, Failure> {
    if let Some(identifier) = &form.identifier {
        ctx.limit_account(identifier).await?;
    }
    let proof = form.proof()?;
    let mut missing = Missing::default();
    let new_password = missing.take("/new_password", form.new_password);
    missing.finish()?;
    ctx.passwords().reset_password(wire::ResetPasswordRequest { proof: Some(proof), new_password }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rate a password
///
/// Nothing is kept.
#[utoipa::path(post, path = "/api/v1/password/strength", tag = "password", request_body = StrengthForm,
    responses((status = 200, description = "How good it is", body = Strength)))]
async fn check_strength(ctx: Ctx, Json(form): Json<StrengthForm>) -> Result<axum::Json<Strength>, Failure> {
    let mut missing = Missing::default();
    let password = missing.take("/password", form.password);
    missing.finish()?;
    let context = form.context.unwrap_or_default();
    let answer = ctx.passwords().check_strength(wire::CheckStrengthRequest { password, context }).await?;
    Ok(axum::Json(Strength::of(answer.into_inner())))
}

/// Start the reset of somebody's password
///
/// They get a link or a code; their password stays until they use it. Needs `users:write`, and every permission of theirs.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/reset-password", tag = "admin", params(("id" = String, Path, description = "Id of the account")),
    request_body = StartResetForm, responses((status = 202, description = "The message is on its way", body = Accepted)))]
async fn start_reset(
    ctx: Ctx,
    Path(id): Path<String>,
    OptionalJson(form): OptionalJson<StartResetForm>,
) -> Result<(StatusCode, axum::Json<Accepted>), Failure> {
    let message = wire::StartResetRequest { user_id: ctx.user_id(id)?, via: form.via.unwrap_or_default() };
    ctx.password_administration().start_reset(message).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Accepted { accepted: true })))
}
