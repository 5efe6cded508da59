//! The figures of the process, in Prometheus' text format.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use denizen_kit::problem::Problem;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::edge::client::is_proxied;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::state::App;

/// How often the samples of histograms are folded, whether or not somebody reads them.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// On the main listener: only for a neighbour who did not come through a proxy.
pub(super) async fn metrics(ctx: Ctx, headers: HeaderMap) -> Result<Response, Failure> {
    let is_neighbour = ctx.visit.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    if ctx.app.config.metrics_listen.is_some() || !is_neighbour || is_proxied(&headers) {
        return Err(Problem::not_found("metrics are not served here").into());
    }
    Ok(render(&ctx.app))
}

/// On a listener of its own.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let serve = |State(app): State<Arc<App>>| std::future::ready(render(&app));
    Router::new().route("/metrics", get(serve)).with_state(app.clone())
}

/// Folds samples until the node stops: nobody else does while nobody reads them.
pub(crate) async fn tidy(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        handle.run_upkeep();
    }
}

fn render(app: &App) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render()).into_response()
}
