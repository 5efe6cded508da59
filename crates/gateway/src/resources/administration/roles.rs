//! Roles over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_rpc::users::v1 as wire;
use http::header::{ETAG, LOCATION};
use http::{HeaderValue, StatusCode, Uri};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{CreateRoleForm, Role, UpdateRoleForm};
use crate::faces::body::Json;
use crate::faces::ctx::Ctx;
use crate::faces::etag::{IfMatch, IfNoneMatch, etag};
use crate::faces::failure::Failure;
use crate::faces::page::{Page, page};
use crate::state::App;

/// The operations on roles.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_roles, create_role)).routes(routes!(
        get_role,
        update_role,
        delete_role
    ))
}

/// List roles
///
/// The built-in ones and those that administrators made. Needs `roles:manage`.
#[utoipa::path(get, path = "/api/v1/admin/roles", tag = "admin",
    responses((status = 200, description = "All roles", body = Page<Role>)))]
async fn list_roles(ctx: Ctx, uri: Uri) -> Result<Response, Failure> {
    let answer = ctx.administration().list_roles(wire::ListRolesRequest {}).await?.into_inner();
    let roles = answer.roles.into_iter().map(Role::of).collect();
    Ok(page(&uri, roles, String::new(), None))
}

/// Make a role
///
/// Needs `roles:manage`, and every permission that the role shall have.
#[utoipa::path(post, path = "/api/v1/admin/roles", tag = "admin", request_body = CreateRoleForm, responses(
    (status = 201, description = "The role", body = Role, headers(("Location" = String), ("ETag" = String)))))]
async fn create_role(ctx: Ctx, Json(form): Json<CreateRoleForm>) -> Result<Response, Failure> {
    let role = ctx.administration().create_role(form.into_message()?).await?.into_inner();
    let location = HeaderValue::try_from(format!("/api/v1/admin/roles/{}", role.name))
        .unwrap_or(HeaderValue::from_static("/"));
    let headers = [(ETAG, etag(role.version)), (LOCATION, location)];
    Ok((StatusCode::CREATED, headers, axum::Json(Role::of(role))).into_response())
}

/// View a role
///
/// Needs `roles:manage`.
#[utoipa::path(get, path = "/api/v1/admin/roles/{name}", tag = "admin", params(("name" = String, Path, description = "Its name"),
        ("If-None-Match" = Option<String>, Header, description = "The version that the client has")), responses(
    (status = 200, description = "The role", body = Role, headers(("ETag" = String))),
    (status = 304, description = "It is as the client has it")))]
async fn get_role(ctx: Ctx, Path(name): Path<String>, held: IfNoneMatch) -> Result<Response, Failure> {
    let role = ctx.administration().get_role(wire::GetRoleRequest { name }).await?.into_inner();
    if held.has(role.version) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag(role.version))]).into_response());
    }
    Ok(shown(role))
}

/// Change a role
///
/// For all who have it, at once. Needs `roles:manage`, and every permission that the role has before or after.
#[utoipa::path(patch, path = "/api/v1/admin/roles/{name}", tag = "admin", params(("name" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = UpdateRoleForm, responses(
    (status = 200, description = "The role", body = Role, headers(("ETag" = String)))))]
async fn update_role(
    ctx: Ctx,
    Path(name): Path<String>,
    version: IfMatch,
    Json(form): Json<UpdateRoleForm>,
) -> Result<Response, Failure> {
    let message = form.into_message(name, version.0);
    Ok(shown(ctx.administration().update_role(message).await?.into_inner()))
}

/// Delete a role
///
/// One that nobody has. Needs `roles:manage`, and every permission of the role.
#[utoipa::path(delete, path = "/api/v1/admin/roles/{name}", tag = "admin", params(("name" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    responses((status = 204, description = "It is deleted")))]
async fn delete_role(ctx: Ctx, Path(name): Path<String>, version: IfMatch) -> Result<StatusCode, Failure> {
    let message = wire::DeleteRoleRequest { name, if_version: version.0 };
    ctx.administration().delete_role(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(role: wire::Role) -> Response {
    ([(ETAG, etag(role.version))], axum::Json(Role::of(role))).into_response()
}
