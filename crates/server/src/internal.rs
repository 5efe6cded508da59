//! Answers other processes: internal calls (gRPC over HTTP/2) and health, on one port.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::serve::{Listener, ListenerExt as _};
use denizen_db::Db;
use denizen_kit::caller::Role;
use denizen_kit::task::Tasks;
use denizen_rpc::Network;
use denizen_tls::LinkTls;
use tokio::net::TcpListener;

use crate::keyring::{Keyring, peers};
use crate::link_listener::LinkListener;

/// How long calls under way may take to finish once the node stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What other processes are answered with.
pub(crate) struct Internal {
    pub(crate) network: Network,
    pub(crate) databases: HashMap<Role, Db>,
    pub(crate) keyring: Option<Keyring>,
    pub(crate) tls: Option<LinkTls>,
}

/// Serves on the socket until the node stops; with TLS to those only who show a certificate of its authority.
pub(crate) fn serve(
    socket: TcpListener,
    Internal { network, databases, keyring, tls }: Internal,
    tasks: &Tasks,
) {
    let ready = databases.clone();
    let mut router = Router::new()
        .route("/health/live", get(async || Json(serde_json::json!({ "status": "ok" }))))
        .route("/health/ready", get(async move || health(ready).await))
        .route("/health/database", get(async move || health(databases).await))
        .fallback_service(network);
    if let Some(keyring) = keyring {
        router = router.route(peers::PATH, get(async move || peers::show(keyring).await));
    }
    match tls {
        Some(tls) => serve_on(LinkListener::start(socket, tls, tasks), router, tasks),
        // Small frames must not wait for each other (Nagle): a call is two of them.
        None => serve_on(socket.tap_io(|socket| drop(socket.set_nodelay(true))), router, tasks),
    }
}

fn serve_on<L>(listener: L, router: Router, tasks: &Tasks)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let (stop, watch) = (tasks.clone(), tasks.clone());
    tasks.spawn("internal", async move {
        let stopping = async move { stop.stopping().await };
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopping);
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::error!(%error, "internal calls are not served any more");
            },
            () = async { watch.stopping().await; tokio::time::sleep(DRAIN).await } => {}
        }
    });
}

async fn health(databases: HashMap<Role, Db>) -> Response {
    let mut checks = serde_json::Map::new();
    let mut status = StatusCode::OK;
    for (role, db) in databases {
        let answer = db.ping().await;
        if answer.is_err() {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        checks.insert(role.to_string(), if answer.is_ok() { "ok" } else { "failed" }.into());
    }
    let word = if status == StatusCode::OK { "ok" } else { "failed" };
    (status, Json(serde_json::json!({ "status": word, "checks": checks }))).into_response()
}
