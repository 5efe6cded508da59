//! The audit trail over REST.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as wire;
use denizen_rpc::problem_from;
use futures::stream::unfold;
use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{Checkpoints, Entry, Verdict};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::lines::{lines, wants_lines};
use crate::faces::page::{Page, linked, page};
use crate::faces::query::{PageQuery, Query, limit, time};
use crate::state::App;

/// The operations on the audit trail.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_entries))
        .routes(routes!(export_entries))
        .routes(routes!(list_checkpoints))
        .routes(routes!(verify_chain))
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `user.created`, `auth.login` …
    action: Option<String>,
    /// User id or `service:<name>`.
    actor: Option<String>,
    /// User id.
    subject: Option<String>,
    /// `ok`, `failed` or `refused`.
    result: Option<String>,
    #[param(format = DateTime)]
    created_after: Option<String>,
    #[param(format = DateTime)]
    created_before: Option<String>,
    #[param(value_type = Option<i32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which entries, without pages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `user.created`, `auth.login` …
    action: Option<String>,
    /// User id or `service:<name>`.
    actor: Option<String>,
    /// User id.
    subject: Option<String>,
    /// `ok`, `failed` or `refused`.
    result: Option<String>,
    #[param(format = DateTime)]
    created_after: Option<String>,
    #[param(format = DateTime)]
    created_before: Option<String>,
}

/// How much is verified.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// `true` walks all of the chain.
    #[param(value_type = Option<bool>)]
    full: Option<String>,
    /// `next_cursor` of a line, to go on from there.
    cursor: Option<String>,
}

/// List entries
///
/// Newest first. With `Accept: application/x-ndjson` all of them, as `/export` does. Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "admin", params(ListQuery),
    responses((status = 200, description = "A page of entries", body = Page<Entry>, headers(("Link" = String)))))]
async fn list_entries(
    ctx: Ctx,
    headers: HeaderMap,
    Query(query, uri): Query<ListQuery>,
) -> Result<Response, Failure> {
    if wants_lines(&headers) {
        return export(&ctx, query.into_message()?).await;
    }
    let answer = ctx.audit().list_entries(query.into_message()?).await?.into_inner();
    let entries = answer.entries.into_iter().map(Entry::of).collect();
    Ok(page(&uri, entries, answer.next_cursor, None))
}

/// Export entries
///
/// All entries of a list, newest first, one JSON object a line, of any number. Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/admin/audit/export", tag = "admin", params(ExportQuery),
    responses((status = 200, description = "The entries", body = Entry, content_type = "application/x-ndjson")))]
async fn export_entries(ctx: Ctx, Query(query, _): Query<ExportQuery>) -> Result<Response, Failure> {
    export(&ctx, query.into_list().into_message()?).await
}

async fn export(ctx: &Ctx, asked: wire::ListEntriesRequest) -> Result<Response, Failure> {
    let parts = ctx.trail().export_entries(as_export(asked)).await?.into_inner();
    Ok(lines(parts.map(|part| {
        let entries = part.map_err(problem_from)?.entries;
        Ok(entries.into_iter().map(Entry::of).collect())
    })))
}

/// List signed checkpoints
///
/// Newest first. What is signed is `context` and then `statement`, byte by byte. Keep one elsewhere: whoever can write
/// to the database cannot make one. Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/admin/audit/checkpoints", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of checkpoints", body = Checkpoints, headers(("Link" = String)))))]
async fn list_checkpoints(ctx: Ctx, Query(query, uri): Query<PageQuery>) -> Result<Response, Failure> {
    let cursor = query.cursor.unwrap_or_default();
    let message = wire::ListCheckpointsRequest { limit: limit(query.limit)?, cursor };
    let answer = ctx.trail().list_checkpoints(message).await?.into_inner();
    let next_cursor = Some(answer.next_cursor.clone()).filter(|cursor| !cursor.is_empty());
    Ok(linked(&uri, next_cursor.as_deref(), axum::Json(Checkpoints::of(answer))))
}

/// Verify the chain
///
/// Walks the last entries, from a signed checkpoint, or with `full=true` all. The answer comes when the walk has ended;
/// with `Accept: application/x-ndjson` a line every few seconds says how far it is, and `cursor` goes on from there.
/// Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/admin/audit/verify", tag = "admin", params(VerifyQuery),
    responses((status = 200, description = "Whether it holds", content(
        (Verdict = "application/json"), (Verdict = "application/x-ndjson")))))]
async fn verify_chain(
    ctx: Ctx,
    headers: HeaderMap,
    Query(query, _): Query<VerifyQuery>,
) -> Result<Response, Failure> {
    let mut first =
        wire::VerifyChainRequest { full: query.full()?, cursor: query.cursor.unwrap_or_default() };
    let mut answer = walk(&ctx, &first).await?;
    if wants_lines(&headers) {
        return Ok(lines(steps(ctx, first, answer)));
    }
    while !answer.next_cursor.is_empty() {
        first.cursor = answer.next_cursor;
        answer = walk(&ctx, &first).await?;
    }
    Ok(axum::Json(Verdict::of(answer)).into_response())
}

async fn walk(ctx: &Ctx, asked: &wire::VerifyChainRequest) -> Result<wire::VerifyChainResponse, Problem> {
    let answer = ctx.renewed().await?.audit().verify_chain(asked.clone()).await;
    answer.map(tonic::Response::into_inner).map_err(problem_from)
}

/// The answers of a walk, from the first one on.
fn steps(
    ctx: Ctx,
    asked: wire::VerifyChainRequest,
    first: wire::VerifyChainResponse,
) -> impl Stream<Item = Result<Vec<Verdict>, Problem>> {
    unfold(Some((ctx, asked, Ok(first))), |state| async move {
        let (ctx, mut asked, answer) = state?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => return Some((Err(problem), None)),
        };
        if answer.next_cursor.is_empty() {
            return Some((Ok(vec![Verdict::of(answer)]), None));
        }
        asked.cursor.clone_from(&answer.next_cursor);
        let next = walk(&ctx, &asked).await;
        Some((Ok(vec![Verdict::of(answer)]), Some((ctx, asked, next))))
    })
}

fn as_export(asked: wire::ListEntriesRequest) -> wire::ExportEntriesRequest {
    wire::ExportEntriesRequest {
        action: asked.action,
        actor: asked.actor,
        subject: asked.subject,
        result: asked.result,
        created_after: asked.created_after,
        created_before: asked.created_before,
    }
}

// === impl VerifyQuery ===

impl VerifyQuery {
    fn full(&self) -> Result<bool, Problem> {
        match self.full.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(Problem::malformed("full is true or false").with_field(
                "/full",
                "invalid_type",
                "full is true or false",
            )),
        }
    }
}

// === impl ExportQuery ===

impl ExportQuery {
    fn into_list(self) -> ListQuery {
        let Self { action, actor, subject, result, created_after, created_before } = self;
        ListQuery { action, actor, subject, result, created_after, created_before, limit: None, cursor: None }
    }
}

// === impl ListQuery ===

impl ListQuery {
    fn into_message(self) -> Result<wire::ListEntriesRequest, Problem> {
        Ok(wire::ListEntriesRequest {
            action: self.action,
            actor: self.actor,
            subject: self.subject,
            result: self.result,
            created_after: time("/created_after", self.created_after)?,
            created_before: time("/created_before", self.created_before)?,
            limit: limit(self.limit)?,
            cursor: self.cursor.unwrap_or_default(),
        })
    }
}
