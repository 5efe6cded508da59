//! The figures of the process, in Prometheus' text format.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use denizen_kit::problem::Problem;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::measure::measure;
use crate::edge::client::is_proxied;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::state::{App, Metrics};

/// On the main listener: only for a neighbour who did not come through a proxy.
pub(super) async fn metrics(ctx: Ctx, headers: HeaderMap) -> Result<Response, Failure> {
    let is_neighbour = ctx.visit.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    if ctx.app.config.metrics_listen.is_some() || !is_neighbour || is_proxied(&headers) {
        return Err(Problem::not_found("metrics are not served here").into());
    }
    Ok(answer(text(&ctx.app)))
}

/// On a listener of its own.
pub(crate) fn router(metrics: Metrics) -> Router {
    let serve = move || std::future::ready(answer(metrics()));
    Router::new().route("/metrics", get(serve))
}

/// All figures, with those that are measured now.
pub(crate) fn text(app: &App) -> String {
    measure(app);
    (app.metrics)()
}

fn answer(text: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
