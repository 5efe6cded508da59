//! The proved addresses of an account over REST: e-mail and mobile, their change and their proof.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::confirm_email_request::Proof;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::form::{EmailForm, MobileForm, ProofForm};
use super::rest::shown;
use super::view::{EmailProved, PendingChange, User};
use crate::faces::body::{Json, Missing};
use crate::faces::ctx::Ctx;
use crate::faces::etag::IfMatch;
use crate::faces::failure::Failure;
use crate::state::App;

/// The operations on addresses.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(change_email))
        .routes(routes!(confirm_change_of_email))
        .routes(routes!(change_mobile))
        .routes(routes!(confirm_change_of_mobile))
        .routes(routes!(send_verification))
        .routes(routes!(confirm_email))
}

/// Change the e-mail address
///
/// A code and a link go to the new address; the old one is told.
#[utoipa::path(put, path = "/api/v1/users/{id}/email", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = EmailForm, responses((status = 202, description = "The code is on its way", body = PendingChange)))]
async fn change_email(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Json(form): Json<EmailForm>,
) -> Result<Response, Failure> {
    let mut missing = Missing::default();
    let email = missing.take("/email", form.email);
    missing.finish()?;
    let user_id = ctx.user_id(id)?;
    let message = wire::ChangeEmailRequest { user_id, email, password: form.password, if_version: version.0 };
    let change = ctx.users().change_email(message).await?.into_inner();
    Ok(pending(&ctx, change))
}

/// Prove the new e-mail address
///
/// By the owner, with the code or the token of the link. Elsewhere the link proves it by `POST /email/verify/confirm`.
#[utoipa::path(post, path = "/api/v1/users/{id}/email/confirm", tag = "users", params(("id" = String, Path, description = "Id, or `me`")),
    request_body = ProofForm, responses((status = 200, description = "The account", body = User)))]
async fn confirm_change_of_email(
    ctx: Ctx,
    Path(id): Path<String>,
    Json(form): Json<ProofForm>,
) -> Result<Response, Failure> {
    let user_id = Some(ctx.user_id(id)?);
    let take_over = form.take_over.unwrap_or_default();
    let message = wire::ConfirmEmailRequest { user_id, proof: Some(form.into_email_proof()?), take_over };
    let user = ctx.users().confirm_email(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Change the mobile number
///
/// A code goes to the new number.
#[utoipa::path(put, path = "/api/v1/users/{id}/mobile", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = MobileForm, responses((status = 202, description = "The code is on its way", body = PendingChange)))]
async fn change_mobile(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Json(form): Json<MobileForm>,
) -> Result<Response, Failure> {
    let mut missing = Missing::default();
    let mobile = missing.take("/mobile", form.mobile);
    missing.finish()?;
    let user_id = ctx.user_id(id)?;
    let message =
        wire::ChangeMobileRequest { user_id, mobile, password: form.password, if_version: version.0 };
    let change = ctx.users().change_mobile(message).await?.into_inner();
    Ok(pending(&ctx, change))
}

/// Prove the new mobile number
#[utoipa::path(post, path = "/api/v1/users/{id}/mobile/confirm", tag = "users", params(("id" = String, Path, description = "Id, or `me`")),
    request_body = ProofForm, responses((status = 200, description = "The account", body = User)))]
async fn confirm_change_of_mobile(
    ctx: Ctx,
    Path(id): Path<String>,
    Json(form): Json<ProofForm>,
) -> Result<Response, Failure> {
    let mut missing = Missing::default();
    let code = missing.take("/code", form.code);
    missing.finish()?;
    let message = wire::ConfirmMobileRequest { user_id: ctx.user_id(id)?, code };
    let user = ctx.users().confirm_mobile(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Send the verification message again
#[utoipa::path(post, path = "/api/v1/email/verify", tag = "users",
    responses((status = 202, description = "The message is on its way", body = PendingChange)))]
async fn send_verification(ctx: Ctx) -> Result<Response, Failure> {
    let message = wire::SendVerificationRequest { user_id: ctx.me()? };
    let change = ctx.users().send_verification(message).await?.into_inner();
    Ok(pending(&ctx, change))
}

/// Prove the e-mail address
///
/// By the token of the link, which anyone may bring, or by one's own code. Without the account's own token its
/// sessions end: who registered it may be another than who holds the mailbox. A link to a new address of an account
/// with a proved one counts with the account's own token only.
#[utoipa::path(post, path = "/api/v1/email/verify/confirm", tag = "users", request_body = ProofForm, responses(
    (status = 200, description = "The account to its owner; that the address is proved to others", body = EmailProved)))]
async fn confirm_email(ctx: Ctx, Json(form): Json<ProofForm>) -> Result<Response, Failure> {
    let take_over = form.take_over.unwrap_or_default();
    let proof = form.into_email_proof()?;
    let user_id = match &proof {
        Proof::Code(_) => Some(ctx.me()?),
        Proof::Token(_) => None,
    };
    let user = ctx
        .users()
        .confirm_email(wire::ConfirmEmailRequest { user_id, proof: Some(proof), take_over })
        .await?
        .into_inner();
    if ctx.is_self(&user.id) {
        return Ok(shown(&ctx, user));
    }
    // Whoever holds the link need not be the owner: an address may have been mistyped.
    Ok(axum::Json(EmailProved { email_verified: user.email_verified }).into_response())
}

fn pending(ctx: &Ctx, change: wire::PendingChange) -> Response {
    let is_self = change.user.as_ref().is_some_and(|user| ctx.is_self(&user.id));
    (StatusCode::ACCEPTED, axum::Json(PendingChange::of(change, is_self))).into_response()
}
