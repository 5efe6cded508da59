//! The gateway over REST. What it tells is its own: no service is asked. What it forgets is told to the audit trail.

use std::sync::Arc;

use axum::Json;
use denizen_kit::caller::Permission;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::audit::internal::v1::ReportPurgeRequest;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{Gateway, Purged, Routes, Upstreams};
use crate::edge::refusals::By;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::query::Query;
use crate::proxy::cache::Purge;
use crate::state::App;

/// The operations on the gateway.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(get_gateway))
        .routes(routes!(list_gateway_routes))
        .routes(routes!(list_gateway_upstreams))
        .routes(routes!(purge_gateway_cache))
        .routes(routes!(super::forward::check_forward))
}

/// Get the gateway
///
/// Of the process that answers: when its routes were read, what is wrong with them, and how much it does. Needs
/// `gateway:read`.
#[utoipa::path(get, path = "/api/v1/admin/gateway", tag = "admin",
    responses((status = 200, description = "How the gateway is", body = Gateway)))]
async fn get_gateway(ctx: Ctx) -> Result<Json<Gateway>, Failure> {
    check(&ctx)?;
    Ok(Json(Gateway::of(&ctx.app)))
}

/// List the gateway's routes
///
/// Those of the operator and of dialects that are in force. Needs `gateway:read`.
#[utoipa::path(get, path = "/api/v1/admin/gateway/routes", tag = "admin",
    responses((status = 200, description = "The routes", body = Routes)))]
async fn list_gateway_routes(ctx: Ctx) -> Result<Json<Routes>, Failure> {
    check(&ctx)?;
    Ok(Json(Routes::of(&ctx.app.proxy.rules())))
}

/// List the gateway's upstreams
///
/// Each with its targets, their health and load, its breaker and its counters, as this process knows them. Needs
/// `gateway:read`.
#[utoipa::path(get, path = "/api/v1/admin/gateway/upstreams", tag = "admin",
    responses((status = 200, description = "The upstreams", body = Upstreams)))]
async fn list_gateway_upstreams(ctx: Ctx) -> Result<Json<Upstreams>, Failure> {
    check(&ctx)?;
    Ok(Json(Upstreams::of(&ctx.app.proxy.rules())))
}

/// Which kept answers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PurgeQuery {
    /// Those of this address, such as `https://shop.example/items?page=1`.
    url: Option<String>,
    /// Those of addresses that begin so.
    prefix: Option<String>,
    /// Those that their upstream gave this tag (`Surrogate-Key` or `Cache-Tag`).
    tag: Option<String>,
}

/// Take kept answers away
///
/// At every node: those of an address, of all addresses that begin so, or with a tag. Needs `ips:manage`: it changes what the door does.
#[utoipa::path(delete, path = "/api/v1/admin/gateway/cache", tag = "admin", params(PurgeQuery),
    responses((status = 200, description = "How many they were at the node that answers", body = Purged)))]
async fn purge_gateway_cache(ctx: Ctx, Query(query, _): Query<PurgeQuery>) -> Result<Json<Purged>, Failure> {
    require(&ctx, Permission::IpsManage)?;
    let kept = &ctx.app.kept;
    let (by, purged) = match (query.url, query.prefix, query.tag) {
        (Some(url), None, None) => ("url", kept.purge(Purge::url(&url)?).await),
        (None, Some(prefix), None) => ("prefix", kept.purge(Purge::prefix(&prefix)?).await),
        (None, None, Some(tag)) => ("tag", kept.purge_tag(&tag).await),
        _ => return Err(Problem::invalid("/url", "required", "name one of url, prefix and tag").into()),
    };
    // The answers are gone whatever becomes of the entry; that all is done is said only once it is written.
    let count = i64::try_from(purged).unwrap_or(i64::MAX);
    ctx.reports().report_purge(ReportPurgeRequest { by: by.to_owned(), count }).await?;
    Ok(Json(Purged::of(purged)))
}

fn check(ctx: &Ctx) -> Result<(), Problem> {
    require(ctx, Permission::GatewayRead)
}

fn require(ctx: &Ctx, permission: Permission) -> Result<(), Problem> {
    let person = ctx.person().ok_or_else(|| Problem::of(Code::Unauthenticated))?;
    if person.permissions.has(permission) {
        return Ok(());
    }
    // No service is asked that would record it, so it counts as one of the door's own.
    ctx.app.refusals.note(&ctx.app.clock, ctx.visit.call.ip, (By::Door, Code::Forbidden));
    Err(Problem::of(Code::Forbidden))
}
