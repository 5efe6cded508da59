//! What a profile has beside its fields, over REST: the picture, the devices that take push messages.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_rpc::users::v1 as wire;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rest::shown;
use super::view::User;
use crate::faces::body::{Json, Missing};
use crate::faces::ctx::Ctx;
use crate::faces::etag::{IfMatch, IfNoneMatch, etag};
use crate::faces::failure::Failure;
use crate::faces::picture::Picture;
use crate::state::App;

/// The operations on pictures and push tokens.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(get_avatar, put_avatar, delete_avatar))
        .routes(routes!(put_push_token, delete_push_token))
}

/// The push token of a device.
#[derive(Debug, Deserialize, ToSchema)]
struct PushTokenForm {
    /// As the push service gave it.
    #[schema(required = true, nullable = false)]
    token: Option<String>,
}

/// View the picture
///
/// At most 512 by 512 pixels. One's own, or another's with `users:read`.
#[utoipa::path(get, path = "/api/v1/users/{id}/avatar", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-None-Match" = Option<String>, Header, description = "The version that the client has")), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/jpeg", headers(("ETag" = String))),
    (status = 304, description = "It is as the client has it")))]
async fn get_avatar(ctx: Ctx, Path(id): Path<String>, held: IfNoneMatch) -> Result<Response, Failure> {
    let message = wire::GetAvatarRequest { user_id: ctx.user_id(id)?, held: held.versions() };
    let avatar = ctx.profiles().get_avatar(message).await?.into_inner();
    let fresh = [(ETAG, etag(avatar.version)), (CACHE_CONTROL, PRIVATE)];
    if held.has(avatar.version) {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    let media_type =
        HeaderValue::try_from(avatar.media_type).unwrap_or(HeaderValue::from_static("image/jpeg"));
    let bare = [(CONTENT_TYPE, media_type), (CONTENT_SECURITY_POLICY, BARE)];
    Ok((fresh, bare, Body::from(avatar.content)).into_response())
}

/// Kept by the person's own browser, which asks each time whether it is still the one.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Should a browser ever take a picture for a page, it is one that can do nothing.
const BARE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Put the picture
///
/// The file itself, or `multipart/form-data` with one file: PNG, JPEG, WebP or GIF of at most 5 MiB and 4096 by 4096
/// pixels. It is drawn anew, small and without metadata. Oneself, or `users:write`.
#[utoipa::path(put, path = "/api/v1/users/{id}/avatar", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version of the account that is meant")),
    request_body(content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (Vec<u8> = "image/gif"), (Vec<u8> = "multipart/form-data"))),
    responses((status = 200, description = "The account", body = User, headers(("ETag" = String)))))]
async fn put_avatar(
    ctx: Ctx,
    Path(id): Path<String>,
    version: IfMatch,
    Picture(content): Picture,
) -> Result<Response, Failure> {
    let message =
        wire::PutAvatarRequest { user_id: ctx.user_id(id)?, content: content.into(), if_version: version.0 };
    Ok(shown(&ctx, ctx.profiles().put_avatar(message).await?.into_inner()))
}

/// Take the picture away
///
/// Oneself, or `users:write`.
#[utoipa::path(delete, path = "/api/v1/users/{id}/avatar", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The version of the account that is meant")),
    responses((status = 204, description = "There is no picture")))]
async fn delete_avatar(ctx: Ctx, Path(id): Path<String>, version: IfMatch) -> Result<StatusCode, Failure> {
    let message = wire::DeleteAvatarRequest { user_id: ctx.user_id(id)?, if_version: version.0 };
    ctx.profiles().delete_avatar(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put the push token of a device
///
/// At most 20 devices. Only oneself.
#[utoipa::path(put, path = "/api/v1/users/{id}/push-tokens/{device}", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("device" = String, Path, description = "1 to 64 letters, digits and `. _ - :`")),
    request_body = PushTokenForm, responses((status = 204, description = "The device takes messages")))]
async fn put_push_token(
    ctx: Ctx,
    Path((id, device)): Path<(String, String)>,
    Json(form): Json<PushTokenForm>,
) -> Result<StatusCode, Failure> {
    let mut missing = Missing::default();
    let token = missing.take("/token", form.token);
    missing.finish()?;
    let message = wire::PutPushTokenRequest { user_id: ctx.user_id(id)?, device, token };
    ctx.profiles().put_push_token(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take the push token of a device away
///
/// Only oneself.
#[utoipa::path(delete, path = "/api/v1/users/{id}/push-tokens/{device}", tag = "users", params(("id" = String, Path, description = "Id, or `me`"),
        ("device" = String, Path, description = "Its name")),
    responses((status = 204, description = "The device takes no messages")))]
async fn delete_push_token(
    ctx: Ctx,
    Path((id, device)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let message = wire::DeletePushTokenRequest { user_id: ctx.user_id(id)?, device };
    ctx.profiles().delete_push_token(message).await?;
    Ok(StatusCode::NO_CONTENT)
}
