//! Service accounts over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_rpc::auth::v1 as wire;
use denizen_rpc::problem_from;
use http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{CreateForm, Credentials, RotateForm, ServiceAccount, ServiceToken, ServiceTokenForm};
use crate::faces::body::{Json, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::form::JsonOrForm;
use crate::faces::page::{Page, page};
use crate::faces::query::{PageQuery, Query, limit};
use crate::state::App;

/// The operations on service accounts.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_service_accounts, create_service_account))
        .routes(routes!(get_service_account, delete_service_account))
        .routes(routes!(rotate_service_secret))
        .routes(routes!(issue_service_token))
}

/// List service accounts
///
/// Newest first. Needs `services:manage`.
#[utoipa::path(get, path = "/api/v1/admin/service-accounts", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of service accounts", body = Page<ServiceAccount>, headers(("Link" = String)))))]
async fn list_service_accounts(ctx: Ctx, Query(query, uri): Query<PageQuery>) -> Result<Response, Failure> {
    let message = wire::ListServiceAccountsRequest {
        limit: limit(query.limit)?,
        cursor: query.cursor.unwrap_or_default(),
    };
    let answer = ctx.service_accounts().list_service_accounts(message).await?.into_inner();
    let accounts = answer.accounts.into_iter().map(ServiceAccount::of).collect();
    Ok(page(&uri, accounts, answer.next_cursor, None))
}

/// Make a service account
///
/// Its secret is shown this once. Needs `services:manage`, and every permission that the account gets.
#[utoipa::path(post, path = "/api/v1/admin/service-accounts", tag = "admin", request_body = CreateForm,
    responses((status = 201, description = "The account and its secret", body = Credentials, headers(("Location" = String)))))]
async fn create_service_account(ctx: Ctx, Json(form): Json<CreateForm>) -> Result<Response, Failure> {
    let made = ctx.service_accounts().create_service_account(form.into_message()).await?.into_inner();
    let made = Credentials::of(made);
    let location = HeaderValue::try_from(made.location()).ok();
    let mut response = (StatusCode::CREATED, axum::Json(made)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// View a service account
///
/// The account itself, or with `services:manage`.
#[utoipa::path(get, path = "/api/v1/admin/service-accounts/{id}", tag = "admin", params(("id" = String, Path, description = "The client id")),
    responses((status = 200, description = "The account", body = ServiceAccount)))]
async fn get_service_account(
    ctx: Ctx,
    Path(id): Path<String>,
) -> Result<axum::Json<ServiceAccount>, Failure> {
    view(&ctx, id).await
}

/// A service account; also what it gets when it asks who it is.
pub(crate) async fn view(ctx: &Ctx, id: String) -> Result<axum::Json<ServiceAccount>, Failure> {
    let message = wire::GetServiceAccountRequest { id };
    let account = ctx.service_accounts().get_service_account(message).await?.into_inner();
    Ok(axum::Json(ServiceAccount::of(account)))
}

/// Delete a service account
///
/// Its access tokens are dead at once. Needs `services:manage`.
#[utoipa::path(delete, path = "/api/v1/admin/service-accounts/{id}", tag = "admin", params(("id" = String, Path, description = "The client id")),
    responses((status = 204, description = "It is gone")))]
async fn delete_service_account(ctx: Ctx, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    ctx.service_accounts().delete_service_account(wire::DeleteServiceAccountRequest { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the secret of a service account
///
/// The new one is shown this once. Needs `services:manage`, and every permission that the account has.
#[utoipa::path(post, path = "/api/v1/admin/service-accounts/{id}/rotate-secret", tag = "admin",
    params(("id" = String, Path, description = "The client id")), request_body = Option<RotateForm>,
    responses((status = 200, description = "The account and its new secret", body = Credentials)))]
async fn rotate_service_secret(
    ctx: Ctx,
    Path(id): Path<String>,
    OptionalJson(form): OptionalJson<RotateForm>,
) -> Result<axum::Json<Credentials>, Failure> {
    let overlap = form.overlap_seconds.unwrap_or_default();
    let message = wire::RotateServiceSecretRequest { id, overlap };
    let made = ctx.service_accounts().rotate_service_secret(message).await?.into_inner();
    Ok(axum::Json(Credentials::of(made)))
}

/// Get an access token for a service account
///
/// By client id and secret in the body, in JSON or as a form, or as HTTP Basic (RFC 6749 §4.4).
#[utoipa::path(post, path = "/api/v1/auth/service-token", tag = "auth", request_body = Option<ServiceTokenForm>,
    responses((status = 200, description = "An access token", body = ServiceToken)))]
async fn issue_service_token(
    ctx: Ctx,
    headers: HeaderMap,
    JsonOrForm(form): JsonOrForm<ServiceTokenForm>,
) -> Result<axum::Json<ServiceToken>, Failure> {
    let message = form.into_message(&headers)?;
    let refused = |status| {
        let failure = Failure::from(problem_from(status));
        // Who came with Basic is told so (RFC 6749 §5.2).
        let basic = HeaderValue::from_static("Basic realm=\"denizen\"");
        let came_so = headers.contains_key(AUTHORIZATION) && failure.is_unauthorized();
        if came_so { failure.with_header(WWW_AUTHENTICATE, basic) } else { failure }
    };
    let token = ctx.service_accounts().issue_service_token(message).await.map_err(refused)?;
    Ok(axum::Json(ServiceToken::of(token.into_inner())))
}
