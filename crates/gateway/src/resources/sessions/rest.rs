//! Login sessions over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use denizen_rpc::auth::v1 as wire;
use http::{StatusCode, Uri};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::Session;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::page::{Page, page};
use crate::faces::query::{PageQuery, Query, limit};
use crate::state::App;

/// The operations on sessions.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions, end_other_sessions))
        .routes(routes!(end_session))
        .routes(routes!(list_sessions_of, end_sessions_of))
}

/// List one's own sessions
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(PageQuery),
    responses((status = 200, description = "A page of sessions", body = Page<Session>, headers(("Link" = String)))))]
async fn list_sessions(ctx: Ctx, Query(query, uri): Query<PageQuery>) -> Result<Response, Failure> {
    list(&ctx, String::new(), query, &uri).await
}

/// End all other sessions
///
/// All of one's own but the present one.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "sessions",
    responses((status = 204, description = "They have ended")))]
async fn end_other_sessions(ctx: Ctx) -> Result<StatusCode, Failure> {
    ctx.auth().end_other_sessions(wire::EndOtherSessionsRequest {}).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a session
///
/// One's own, or another's with `sessions:end` and every permission of that person.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = String, Path, description = "Id of the session")),
    responses((status = 204, description = "It has ended")))]
async fn end_session(ctx: Ctx, Path(session_id): Path<String>) -> Result<StatusCode, Failure> {
    ctx.auth().end_session(wire::EndSessionRequest { session_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List somebody's sessions
///
/// Needs `sessions:read`.
#[utoipa::path(get, path = "/api/v1/admin/users/{id}/sessions", tag = "admin", params(PageQuery, ("id" = String, Path, description = "Id of the account")),
    responses((status = 200, description = "A page of sessions", body = Page<Session>, headers(("Link" = String)))))]
async fn list_sessions_of(
    ctx: Ctx,
    Path(id): Path<String>,
    Query(query, uri): Query<PageQuery>,
) -> Result<Response, Failure> {
    let user_id = ctx.user_id(id)?;
    list(&ctx, user_id, query, &uri).await
}

/// End somebody's sessions
///
/// All of them, and the logins under way. One's own, or another's with `sessions:end` and every permission of that person.
#[utoipa::path(delete, path = "/api/v1/admin/users/{id}/sessions", tag = "admin", params(("id" = String, Path, description = "Id of the account")),
    responses((status = 204, description = "They have ended")))]
async fn end_sessions_of(ctx: Ctx, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    let user_id = ctx.user_id(id)?;
    ctx.auth().end_sessions_of(wire::EndSessionsOfRequest { user_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(ctx: &Ctx, user_id: String, query: PageQuery, uri: &Uri) -> Result<Response, Failure> {
    let limit = limit(query.limit)?;
    let message = wire::ListSessionsRequest { user_id, limit, cursor: query.cursor.unwrap_or_default() };
    let answer = ctx.auth().list_sessions(message).await?.into_inner();
    let sessions = answer.sessions.into_iter().map(Session::of).collect();
    Ok(page(uri, sessions, answer.next_cursor, None))
}
