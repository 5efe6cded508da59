//! One-time passwords over REST.

use std::sync::Arc;

use denizen_kit::problem::{Code, Problem};
use denizen_rpc::otp::v1 as wire;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{SendForm, Sent, Valid, ValidateForm};
use crate::faces::body::{Json, Missing};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::state::App;

/// The operations on one-time passwords.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(send_otp)).routes(routes!(validate_otp))
}

/// Send a one-time password
///
/// To oneself; for `login` and `password_reset` also to the owner of an identifier, who need not exist.
#[utoipa::path(post, path = "/api/v1/otp", tag = "otp", request_body = SendForm,
    responses((status = 202, description = "It is on its way", body = Sent)))]
async fn send_otp(ctx: Ctx, Json(form): Json<SendForm>) -> Result<(StatusCode, axum::Json<Sent>), Failure> {
    if let Some(identifier) = form.identifier() {
        ctx.limit_account(identifier).await?;
    }
    let answer = ctx.otp().send_otp(form.into_message()?).await?.into_inner();
    Ok((StatusCode::ACCEPTED, axum::Json(Sent::of(answer))))
}

/// Check a one-time password
///
/// It is used up.
#[utoipa::path(post, path = "/api/v1/otp/validate", tag = "otp", request_body = ValidateForm,
    responses((status = 200, description = "It is right", body = Valid)))]
async fn validate_otp(ctx: Ctx, Json(form): Json<ValidateForm>) -> Result<axum::Json<Valid>, Failure> {
    let mut missing = Missing::default();
    let otp_id = missing.take("/otp_id", form.otp_id);
    let code = missing.take("/code", form.code);
    missing.finish()?;
    let answer = ctx.otp().validate_otp(wire::ValidateOtpRequest { otp_id, code }).await?.into_inner();
    if answer.valid {
        Ok(axum::Json(Valid { valid: true }))
    } else {
        Err(Problem::of(Code::CodeInvalid).into())
    }
}
