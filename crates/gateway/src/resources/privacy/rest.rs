//! Privacy over REST.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use denizen_rpc::users::v1 as wire;
use futures::TryStreamExt as _;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{
    Archive, ConsentChange, Consents, ConsentsForm, EraseForm, Erased, ExportForm, Restriction, path,
};
use crate::faces::body::{Json, OptionalJson};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::page::{Page, page};
use crate::faces::query::{PageQuery, Query, limit};
use crate::state::App;

/// The operations on what is kept of people.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(erase))
        .routes(routes!(get_consents, put_consents))
        .routes(routes!(consent_history))
        .routes(routes!(start_export))
        .routes(routes!(get_export))
        .routes(routes!(download_export))
        .routes(routes!(get_restriction, restrict, lift_restriction))
        .routes(routes!(pseudonymised))
}

/// Erase an account
///
/// For good: the data key is destroyed, the rows go, the identifiers are free. The owner with their password (or after a
/// step-up), or a holder of `privacy:write` with a reason. Asking again gives the same certificate.
#[utoipa::path(post, path = "/api/v1/users/{id}/erase", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    request_body = Option<EraseForm>, responses((status = 200, description = "It is erased", body = Erased)))]
async fn erase(
    ctx: Ctx,
    Path(id): Path<String>,
    form: OptionalJson<EraseForm>,
) -> Result<axum::Json<Erased>, Failure> {
    let EraseForm { password, reason } = form.0;
    let message = wire::EraseUserRequest { user_id: ctx.user_id(id)?, password, reason };
    let answer = ctx.privacy().erase_user(message).await?.into_inner();
    Ok(axum::Json(Erased::of(&answer)?))
}

/// View consents
///
/// One's own, or another's with `privacy:write`.
#[utoipa::path(get, path = "/api/v1/users/{id}/consents", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    responses((status = 200, description = "What the person agrees to", body = Consents)))]
async fn get_consents(ctx: Ctx, Path(id): Path<String>) -> Result<axum::Json<Consents>, Failure> {
    let message = wire::ListConsentsRequest { user_id: ctx.user_id(id)? };
    Ok(axum::Json(Consents::of(ctx.privacy().list_consents(message).await?.into_inner())))
}

/// Change consents
///
/// Those that are sent; the others stay. Each `true`, `false` or `{granted, version}`. Oneself, or `privacy:write`.
#[utoipa::path(put, path = "/api/v1/users/{id}/consents", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    request_body = ConsentsForm, responses((status = 200, description = "What the person agrees to", body = Consents)))]
async fn put_consents(
    ctx: Ctx,
    Path(id): Path<String>,
    Json(form): Json<ConsentsForm>,
) -> Result<axum::Json<Consents>, Failure> {
    let message = form.into_message(ctx.user_id(id)?)?;
    Ok(axum::Json(Consents::of(ctx.privacy().set_consents(message).await?.into_inner())))
}

/// View the history of consents
///
/// Newest first. One's own, or another's with `privacy:write`.
#[utoipa::path(get, path = "/api/v1/users/{id}/consents/history", tag = "privacy", params(PageQuery, ("id" = String, Path, description = "Id, or `me`")),
    responses((status = 200, description = "A page of changes", body = Page<ConsentChange>, headers(("Link" = String)))))]
async fn consent_history(
    ctx: Ctx,
    Path(id): Path<String>,
    Query(query, uri): Query<PageQuery>,
) -> Result<Response, Failure> {
    let (user_id, limit) = (ctx.user_id(id)?, limit(query.limit)?);
    let message =
        wire::ListConsentChangesRequest { user_id, limit, cursor: query.cursor.unwrap_or_default() };
    let answer = ctx.privacy().list_consent_changes(message).await?.into_inner();
    let changes = answer.changes.into_iter().map(ConsentChange::of).collect();
    Ok(page(&uri, changes, answer.next_cursor, None))
}

/// Order an archive
///
/// Of everything that is held about a person. Oneself with a password (or after a step-up), or `privacy:write`. There is
/// one at a time.
#[utoipa::path(post, path = "/api/v1/users/{id}/export", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    request_body = Option<ExportForm>, responses(
    (status = 202, description = "It is being made", body = Archive, headers(("Location" = String)))))]
async fn start_export(
    ctx: Ctx,
    Path(id): Path<String>,
    form: OptionalJson<ExportForm>,
) -> Result<Response, Failure> {
    let message = wire::StartExportRequest { user_id: ctx.user_id(id)?, password: form.0.password };
    let export = ctx.privacy().start_export(message).await?.into_inner();
    let location = path(&export.user_id, &export.export_id);
    let body = Archive::of(export, &ctx.app.config.public_url);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], axum::Json(body)).into_response())
}

/// View the state of an archive
///
/// One's own, or another's with `privacy:write`.
#[utoipa::path(get, path = "/api/v1/users/{id}/exports/{export_id}", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`"),
        ("export_id" = String, Path, description = "Id of the archive")),
    responses((status = 200, description = "Its state, and its address when it is ready", body = Archive)))]
async fn get_export(
    ctx: Ctx,
    Path((id, export_id)): Path<(String, String)>,
) -> Result<axum::Json<Archive>, Failure> {
    let message = wire::GetExportRequest { user_id: ctx.user_id(id)?, export_id };
    let export = ctx.privacy().get_export(message).await?.into_inner();
    Ok(axum::Json(Archive::of(export, &ctx.app.config.public_url)))
}

/// What opens an archive.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ArchiveQuery {
    /// From the archive's `url`; without it the caller's own right decides.
    token: Option<String>,
}

/// Download an archive
///
/// A ZIP of JSON files. By the token of its address, or for those who may see the archive's state.
#[utoipa::path(get, path = "/api/v1/users/{id}/exports/{export_id}/archive", tag = "privacy", params(ArchiveQuery,
        ("id" = String, Path, description = "Id, or `me`"), ("export_id" = String, Path, description = "Id of the archive")),
    responses((status = 200, description = "The archive", content_type = "application/zip")))]
async fn download_export(
    ctx: Ctx,
    Path((id, export_id)): Path<(String, String)>,
    Query(query, _): Query<ArchiveQuery>,
) -> Result<Response, Failure> {
    let name = format!("attachment; filename=\"{export_id}.zip\"");
    let token = query.token.unwrap_or_default();
    let message = wire::DownloadExportRequest { user_id: ctx.user_id(id)?, export_id, token };
    let chunks = ctx.privacy().download_export(message).await?.into_inner();
    let body = Body::from_stream(chunks.map_ok(|chunk| Bytes::from(chunk.data)));
    let headers = [(CONTENT_TYPE, "application/zip"), (CONTENT_DISPOSITION, name.as_str())];
    Ok((headers, body).into_response())
}

/// View whether processing is restricted
///
/// Oneself, or `privacy:write`.
#[utoipa::path(get, path = "/api/v1/users/{id}/restriction", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    responses((status = 200, description = "Whether it is", body = Restriction)))]
async fn get_restriction(ctx: Ctx, Path(id): Path<String>) -> Result<axum::Json<Restriction>, Failure> {
    let message = wire::GetRestrictionRequest { user_id: ctx.user_id(id)? };
    Ok(axum::Json(Restriction::of(&ctx.privacy().get_restriction(message).await?.into_inner())))
}

/// Restrict processing
///
/// While it is restricted the profile is kept, but neither changed nor shown to others, and only messages that security
/// needs are sent (GDPR, article 18). Oneself, or `privacy:write`.
#[utoipa::path(put, path = "/api/v1/users/{id}/restriction", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    responses((status = 200, description = "It is restricted", body = Restriction)))]
async fn restrict(ctx: Ctx, Path(id): Path<String>) -> Result<axum::Json<Restriction>, Failure> {
    let message = wire::SetRestrictionRequest { user_id: ctx.user_id(id)?, restricted: true };
    Ok(axum::Json(Restriction::of(&ctx.privacy().set_restriction(message).await?.into_inner())))
}

/// Lift a restriction
///
/// The owner can lift their own only; a holder of `privacy:write` any.
#[utoipa::path(delete, path = "/api/v1/users/{id}/restriction", tag = "privacy", params(("id" = String, Path, description = "Id, or `me`")),
    responses((status = 204, description = "It is not restricted")))]
async fn lift_restriction(ctx: Ctx, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    let message = wire::SetRestrictionRequest { user_id: ctx.user_id(id)?, restricted: false };
    ctx.privacy().set_restriction(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accounts for statistics
///
/// One JSON object a line, under names that nobody can trace and that differ in each answer. Needs `privacy:write`.
#[utoipa::path(get, path = "/api/v1/admin/privacy/pseudonymised", tag = "admin",
    responses((status = 200, description = "The accounts", content_type = "application/x-ndjson")))]
async fn pseudonymised(ctx: Ctx) -> Result<Response, Failure> {
    let pages = ctx.privacy().pseudonymise(wire::PseudonymiseRequest {}).await?.into_inner();
    let lines =
        pages.map_ok(|page| Bytes::from(page.items.into_iter().map(|item| item + "\n").collect::<String>()));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}
