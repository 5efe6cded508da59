//! Accounts over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::users::v1 as wire;
use http::header::{ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::change::UpdateUserForm;
use super::copies::Copy;
use super::form::{CreateUserForm, DeleteForm, PreferencesForm, RegisterForm, UsernameForm};
use super::list::{__path_list_users, list_users};
use super::view::{Preferences, User};
use crate::faces::body::{Json, Missing, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::etag::{IfMatch, IfNoneMatch, etag};
use crate::faces::failure::Failure;
use crate::faces::json::json;
use crate::state::App;

/// The operations on accounts.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(register, list_users))
        .routes(routes!(create_user))
        .routes(routes!(get_user, patch_user, put_user, delete_user))
        .routes(routes!(change_username))
        .routes(routes!(get_preferences, put_preferences))
        .merge(super::contact::routes())
        .merge(super::profile::routes())
}

/// Register
///
/// Opens an account. Anyone may.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = RegisterForm, responses(
    (status = 201, description = "The account", body = User, headers(("Location" = String), ("ETag" = String)))))]
async fn register(ctx: Ctx, Json(form): Json<RegisterForm>) -> Result<Response, Failure> {
    let user = ctx.users().register(form.into_message()?).await?.into_inner();
    Ok(created(user, true))
}

/// Create an account
///
/// Opens an account for somebody else. Needs `users:write`.
#[utoipa::path(post, path = "/api/v1/admin/users", tag = "admin", request_body = CreateUserForm, responses(
    (status = 201, description = "The account", body = User, headers(("Location" = String), ("ETag" = String)))))]
async fn create_user(ctx: Ctx, Json(form): Json<CreateUserForm>) -> Result<Response, Failure> {
    let user = ctx.users().create_user(form.into_message()?).await?.into_inner();
    Ok(created(user, false))
}

/// View an account
///
/// One's own, or another's with `users:read`.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-None-Match" = Option<String>, Header, description = "The version that the client has")), responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String))),
    (status = 304, description = "It is as the client has it")))]
pub(crate) async fn get_user(
    ctx: Ctx,
    Path(id): Path<String>,
    held: IfNoneMatch,
) -> Result<Response, Failure> {
    if id == "me" {
        let person = ctx.person().ok_or_else(|| Problem::of(Code::Unauthenticated))?;
        return Ok(own(&ctx, person.user_id).await?.answer(&held));
    }
    let user = ctx.users().get_user(wire::GetUserRequest { user_id: id }).await?.into_inner();
    if held.has(user.version) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag(user.version))]).into_response());
    }
    Ok(shown(&ctx, user))
}

/// Change an account
///
/// JSON merge patch (RFC 7396). Oneself, or `users:write`.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body(content = UpdateUserForm, content_type = "application/json"), responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn patch_user(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Json(form): Json<UpdateUserForm>,
) -> Result<Response, Failure> {
    update(ctx, form, (id, version), false).await
}

/// Replace fields of an account
///
/// The writable fields that are sent; the others stay. Oneself, or `users:write`.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = UpdateUserForm, responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn put_user(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Json(form): Json<UpdateUserForm>,
) -> Result<Response, Failure> {
    update(ctx, form, (id, version), true).await
}

async fn update(
    ctx: Ctx,
    form: UpdateUserForm,
    (id, version): (String, IfMatch),
    replace: bool,
) -> Result<Response, Failure> {
    let message = form.into_message(ctx.user_id(id)?, version.0, replace)?;
    let user = ctx.users().update_user(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Delete an account
///
/// It can be restored for 30 days. Oneself, or `users:write`.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = Option<DeleteForm>, responses((status = 204, description = "It is deleted")))]
async fn delete_user(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    form: OptionalJson<DeleteForm>,
) -> Result<StatusCode, Failure> {
    let DeleteForm { password, reason } = form.0;
    let message =
        wire::DeleteUserRequest { user_id: ctx.user_id(id)?, if_version: version.0, password, reason };
    ctx.users().delete_user(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the user name
///
/// Oneself, or `users:write`.
#[utoipa::path(put, path = "/api/v1/users/{id}/username", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = UsernameForm, responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn change_username(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Json(form): Json<UsernameForm>,
) -> Result<Response, Failure> {
    let mut missing = Missing::default();
    let username = missing.take("/username", form.username);
    missing.finish()?;
    let message = wire::ChangeUsernameRequest { user_id: ctx.user_id(id)?, username, if_version: version.0 };
    let user = ctx.users().change_username(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// View preferences
#[utoipa::path(get, path = "/api/v1/users/{id}/preferences", tag = "users", params(("id" = String, Path, description = "Id, or `me`")),
    responses((status = 200, description = "The preferences", body = Preferences, headers(("ETag" = String)))))]
async fn get_preferences(ctx: Ctx, Path(id): Path<String>) -> Result<Response, Failure> {
    let user_id = ctx.user_id(id)?;
    let user = ctx.users().get_user(wire::GetUserRequest { user_id }).await?.into_inner();
    Ok(preferences(user))
}

/// Change preferences
///
/// Those that are sent; the others stay.
#[utoipa::path(put, path = "/api/v1/users/{id}/preferences", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = PreferencesForm, responses(
    (status = 200, description = "The preferences", body = Preferences, headers(("ETag" = String)))))]
async fn put_preferences(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Json(form): Json<PreferencesForm>,
) -> Result<Response, Failure> {
    let message = wire::UpdateUserRequest {
        user_id: ctx.user_id(id)?,
        if_version: version.0,
        preferences: Some(form.into_message()),
        ..wire::UpdateUserRequest::default()
    };
    Ok(preferences(ctx.users().update_user(message).await?.into_inner()))
}

// --- answers

/// One's own account: the copy at hand if it is what would be read now, else what is read.
async fn own(ctx: &Ctx, user_id: UserId) -> Result<Copy, Failure> {
    let copies = &ctx.app.own_accounts;
    if let Some(copy) = copies.get(user_id) {
        return Ok(copy);
    }
    let stamp = copies.stamp(user_id);
    let message = wire::GetUserRequest { user_id: user_id.to_string() };
    let user = ctx.users().get_user(message).await?.into_inner();
    Ok(copies.keep(user_id, stamp, user))
}

/// An account, as it looks to the caller.
pub(crate) fn shown(ctx: &Ctx, user: wire::User) -> Response {
    let tag = etag(user.version);
    let view = if ctx.is_self(&user.id) { User::own(user) } else { User::of_another(user) };
    let mut response = json(&view);
    response.headers_mut().insert(ETAG, tag);
    response
}

fn created(user: wire::User, is_own: bool) -> Response {
    let location =
        HeaderValue::try_from(format!("/api/v1/users/{}", user.id)).unwrap_or(HeaderValue::from_static("/"));
    let headers = [(ETAG, etag(user.version)), (LOCATION, location)];
    let view = if is_own { User::own(user) } else { User::of_another(user) };
    (StatusCode::CREATED, headers, axum::Json(view)).into_response()
}

fn preferences(user: wire::User) -> Response {
    let view = Preferences::of(user.preferences.unwrap_or_default());
    ([(ETAG, etag(user.version))], axum::Json(view)).into_response()
}
