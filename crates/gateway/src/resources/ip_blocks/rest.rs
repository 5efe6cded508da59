//! IP blocks over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use denizen_rpc::{decode, password::v1 as wire};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{IpBlock, IpBlockForm};
use crate::faces::body::{Json, Missing};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::page::{Page, page};
use crate::faces::query::{PageQuery, Query, limit};
use crate::state::App;

/// The operations on IP blocks.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_ip_blocks, create_ip_block)).routes(routes!(delete_ip_block))
}

/// List the IP blocks in force
///
/// The newest first. Needs `ips:manage`.
#[utoipa::path(get, path = "/api/v1/admin/ip-blocks", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of blocks", body = Page<IpBlock>, headers(("Link" = String)))))]
async fn list_ip_blocks(ctx: Ctx, Query(query, uri): Query<PageQuery>) -> Result<Response, Failure> {
    let limit = limit(query.limit)?;
    let message = wire::ListIpBlocksRequest { limit, cursor: query.cursor.unwrap_or_default() };
    let answer = ctx.ip_blocks().list_ip_blocks(message).await?.into_inner();
    let blocks = answer.items.into_iter().map(IpBlock::of).collect();
    Ok(page(&uri, blocks, answer.next_cursor, None))
}

/// Keep an address or a network out
///
/// Every gateway refuses it within a second, but for health. Needs `ips:manage`. The address that the request comes from
/// cannot be shut out (409).
#[utoipa::path(post, path = "/api/v1/admin/ip-blocks", tag = "admin", request_body = IpBlockForm,
    responses((status = 201, description = "It is kept out", body = IpBlock)))]
async fn create_ip_block(
    ctx: Ctx,
    Json(form): Json<IpBlockForm>,
) -> Result<(StatusCode, axum::Json<IpBlock>), Failure> {
    let mut missing = Missing::default();
    let cidr = missing.take("/cidr", form.cidr);
    let reason = missing.take("/reason", form.reason);
    missing.finish()?;
    let message = wire::CreateIpBlockRequest { cidr, reason, until: form.until.map(decode::to_wire) };
    let block = ctx.ip_blocks().create_ip_block(message).await?.into_inner();
    Ok((StatusCode::CREATED, axum::Json(IpBlock::of(block))))
}

/// Let an address or a network in again
///
/// Needs `ips:manage`.
#[utoipa::path(delete, path = "/api/v1/admin/ip-blocks/{id}", tag = "admin", params(("id" = String, Path, description = "Id of the block")),
    responses((status = 204, description = "It is let in")))]
async fn delete_ip_block(ctx: Ctx, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    ctx.ip_blocks().delete_ip_block(wire::DeleteIpBlockRequest { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
