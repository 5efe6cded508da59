//! What administrators do with accounts, over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use denizen_rpc::users::v1 as wire;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{BlockForm, RolesForm, SuspendForm};
use crate::faces::body::{Missing, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::etag::IfMatch;
use crate::faces::failure::Failure;
use crate::resources::users::rest::shown;
use crate::resources::users::view::User;
use crate::state::App;

/// The operations on the standing of accounts, and on roles.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(block_user))
        .routes(routes!(unblock_user))
        .routes(routes!(suspend_user))
        .routes(routes!(activate_user))
        .routes(routes!(set_roles))
        .merge(super::roles::routes())
}

/// Block an account
///
/// Until somebody unblocks it; its sessions end at once. Needs `users:block`, and every permission of the account.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/block", tag = "admin", params(("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = BlockForm, responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn block_user(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    form: OptionalJson<BlockForm>,
) -> Result<Response, Failure> {
    // A reason that is missing is told by the operation, after the permission.
    let reason = form.0.reason.unwrap_or_default();
    let message = wire::BlockUserRequest { user_id: ctx.user_id(id)?, reason, if_version: version.0 };
    let user = ctx.administration().block_user(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Unblock an account
///
/// Lifts a block or a suspension. Needs `users:block`, and every permission of the account.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/unblock", tag = "admin", params(("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")), responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn unblock_user(ctx: Ctx, Path(id): Path<String>, version: IfMatch) -> Result<Response, Failure> {
    let message = wire::UnblockUserRequest { user_id: ctx.user_id(id)?, if_version: version.0 };
    let user = ctx.administration().unblock_user(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Suspend an account
///
/// Until a time, after which it is active by itself; its sessions end at once. Needs `users:block`, and every permission
/// of the account.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/suspend", tag = "admin", params(("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = SuspendForm, responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn suspend_user(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    form: OptionalJson<SuspendForm>,
) -> Result<Response, Failure> {
    let message = form.0.into_message(ctx.user_id(id)?, version.0)?;
    let user = ctx.administration().suspend_user(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Activate an account
///
/// Lifts a block or a suspension, ends the wait for a proof, restores a deleted one. Needs `users:block`, and every
/// permission of the account; `users:write` for a deleted one.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/activate", tag = "admin", params(("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")), responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn activate_user(ctx: Ctx, Path(id): Path<String>, version: IfMatch) -> Result<Response, Failure> {
    let message = wire::ActivateUserRequest { user_id: ctx.user_id(id)?, if_version: version.0 };
    let user = ctx.administration().activate_user(message).await?.into_inner();
    Ok(shown(&ctx, user))
}

/// Set the roles of an account
///
/// A role that is taken away works no more at once; one that is given works with the next token. Needs `roles:manage`,
/// and every permission that is given or taken.
#[utoipa::path(put, path = "/api/v1/admin/users/{id}/roles", tag = "admin", params(("id" = String, Path, description = "Id"),
        ("If-Match" = Option<String>, Header, description = "The version that is meant")),
    request_body = RolesForm, responses(
    (status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn set_roles(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    form: OptionalJson<RolesForm>,
) -> Result<Response, Failure> {
    let mut missing = Missing::default();
    let roles = missing.take("/roles", form.0.roles);
    missing.finish()?;
    let message = wire::SetRolesRequest { user_id: ctx.user_id(id)?, roles, if_version: version.0 };
    let user = ctx.administration().set_roles(message).await?.into_inner();
    Ok(shown(&ctx, user))
}
