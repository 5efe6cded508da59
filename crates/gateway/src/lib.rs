#![doc = include_str!("../README.md")]

mod config;
mod edge;
mod faces;
mod listen;
mod proxy;
pub mod records;
mod resources;
mod state;
mod system;
#[cfg(test)]
mod test_server;

use std::sync::Arc;

use denizen_db::Migration;
use denizen_kit::task::Tasks;
use http::Method;
use utoipa::openapi::OpenApi;

pub use config::{Config, Limits};
pub use edge::client::Network;
pub use edge::log::AccessLogFormat;
pub use listen::{Acme, AcmeConfig, CertificateFiles, Challenge, SocketConfig, Sockets, Tls, TlsConfig};
pub use proxy::cache::Config as CacheConfig;
pub use proxy::dialects::Dialects;
pub use proxy::files::RouteFiles;
pub use state::{App, Check, Deps, Health, Info, Metrics};

use edge::Edge;
use edge::table::Table;

/// The whole public HTTP service: for tests without sockets, or to be served by other means than [`serve`]. Requests
/// have no peer then, unless they carry an axum `ConnectInfo<SocketAddr>`: limits by address do not hold, and what
/// only a loopback peer may see is not there.
pub fn router(app: &Arc<App>) -> axum::Router {
    axum::Router::new().fallback_service(edge(app))
}

/// The metrics alone, for the listener of `metrics_listen`.
pub fn metrics_router(metrics: Metrics) -> axum::Router {
    system::metrics::router(metrics)
}

/// The figures of the process, with what the gateway measures when they are read.
pub fn metrics_of(app: &Arc<App>) -> Metrics {
    let app = app.clone();
    Arc::new(move || system::metrics::text(&app))
}

/// Serves the public HTTP service until the node stops and open requests have been answered.
pub async fn serve(app: Arc<App>, sockets: impl Into<Sockets>, tasks: &Tasks) {
    let edge = edge(&app);
    listen::serve(&app, &edge, sockets.into(), tasks).await;
}

/// Starts what the gateway does by itself: it follows revocations and keeps the keys of tokens fresh.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    let follower = app.clone();
    tasks.spawn_until_stopped("gateway.revocations", async move {
        edge::follow_revocations(&follower.links, &follower.clock, &follower.authenticator.revocations).await;
    });
    let learner = app.clone();
    tasks.spawn_until_stopped("gateway.access", async move {
        edge::access::follow(&learner.links, &learner.clock, &learner.authenticator.access).await;
    });
    let watcher = app.clone();
    tasks.spawn_until_stopped("gateway.ip_blocks", async move {
        edge::barriers::follow(&watcher.links, &watcher.clock, &watcher.barriers).await;
    });
    let refresher = app.clone();
    tasks.spawn_until_stopped("gateway.keys", async move {
        edge::keys::refresh(&refresher.authenticator.keys).await;
    });
    tasks.spawn_until_stopped("gateway.activity", edge::activity::tell(app.clone()));
    tasks.spawn("gateway.refusals", edge::refusals::tell(app.clone(), tasks.clone()));
    tasks.spawn_until_stopped("gateway.copies", resources::users::copies::tidy(app.clone()));
    tasks.spawn_until_stopped("gateway.cache", app.kept.clone().follow());
    tasks.spawn_until_stopped("gateway.routes", proxy::reload::watch(app.clone()));
    if let Some(tls) = &app.tls {
        tls.start_jobs(tasks);
    }
}

/// Reads the routes again and puts them in force, if their files have changed. Requests and connections under way stay
/// with the routes they began with.
pub fn reload_routes(app: &App) {
    app.proxy.reload(&app.config.routes, app.clock.now());
}

/// What is wrong with the routes and upstreams of the settings, one line each.
pub fn check_routes(config: &Config) -> Vec<String> {
    proxy::check(config)
}
/// Steps of the gateway's own database: account, certificates and proofs of ACME.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_acme", sql: include_str!("../migrations/0001_acme.sql") }];

/// The document of the REST API.
pub fn openapi() -> OpenApi {
    faces::rest::api().1
}

fn edge(app: &Arc<App>) -> Edge {
    let (api, document) = exposed(&app.config);
    let (pages, page_paths) = system::routes(app, &document);
    let router = api.with_state(app.clone()).merge(pages);
    Edge::new(app.clone(), table(&document, &page_paths), router)
}

/// The paths that a process with these settings serves itself, as far as a route could have them: the proof of ACME is
/// below a reserved one.
pub(crate) fn own_paths(config: &Config) -> Table {
    let (_, document) = exposed(config);
    table(&document, &system::paths(config, &document))
}

/// The API, and the document of what this process exposes of it.
fn exposed(config: &Config) -> (axum::Router<Arc<App>>, OpenApi) {
    let (api, mut document) = faces::rest::api();
    faces::operations::limit(&mut document, &config.operations);
    (api, document)
}

fn table(document: &OpenApi, pages: &[&str]) -> Table {
    let mut paths = faces::rest::paths(document);
    paths.extend(pages.iter().map(|path| ((*path).to_owned(), vec![Method::GET])));
    Table::new(&paths)
}
