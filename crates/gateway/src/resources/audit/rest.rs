//! The audit trail over REST.

use std::sync::Arc;

use axum::response::Response;
use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as wire;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{Entry, Verdict};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::page::{Page, page};
use crate::faces::query::{Query, limit, time};
use crate::state::App;

/// The operations on the audit trail.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_entries)).routes(routes!(verify_chain))
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

/// List entries
///
/// Newest first. Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "admin", params(ListQuery),
    responses((status = 200, description = "A page of entries", body = Page<Entry>, headers(("Link" = String)))))]
async fn list_entries(ctx: Ctx, Query(query, uri): Query<ListQuery>) -> Result<Response, Failure> {
    let answer = ctx.audit().list_entries(query.into_message()?).await?.into_inner();
    let entries = answer.entries.into_iter().map(Entry::of).collect();
    Ok(page(&uri, entries, answer.next_cursor, None))
}

/// Verify the chain
///
/// Walks all of it. Needs `audit:read`.
#[utoipa::path(get, path = "/api/v1/admin/audit/verify", tag = "admin",
    responses((status = 200, description = "Whether it holds", body = Verdict)))]
async fn verify_chain(ctx: Ctx) -> Result<axum::Json<Verdict>, Failure> {
    let answer = ctx.audit().verify_chain(wire::VerifyChainRequest {}).await?.into_inner();
    Ok(axum::Json(Verdict::of(answer)))
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
