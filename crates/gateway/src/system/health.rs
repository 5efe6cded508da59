//! How the system is: for load balancers, for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use denizen_kit::caller::Role;
use denizen_rpc::Link;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::edge::Trust;
use crate::state::{App, Check};

/// How long what the services said is good for all who ask: many who ask are no load on them.
const SHARED: Duration = Duration::from_secs(1);

type Answer = (StatusCode, Json<Value>);

/// Whether the process runs at all.
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Whether the process takes requests, and which roles it cannot reach because nobody said where they are.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Answer {
    let is_absent = |role: &Role| *role != Role::Gateway && matches!(app.links.link(*role), Link::Absent);
    let absent: Vec<&str> = Role::ALL.into_iter().filter(is_absent).map(Role::as_str).collect();
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "stopping", "absent": absent})));
    }
    let status = if absent.is_empty() { "ok" } else { "degraded" };
    (StatusCode::OK, Json(json!({"status": status, "absent": absent})))
}

/// How everything is.
pub(super) async fn health(State(app): State<Arc<App>>) -> Answer {
    let mut checks = checks(&app).await;
    let serves_nothing = !checks.is_empty() && checks.iter().all(|check| !check.ok);
    checks.push(cache(&app));
    checks.push(revocations(&app));
    checks.extend(app.tls.as_ref().map(|tls| tls.check(app.clock.now())));
    answer(&checks, serves_nothing)
}

/// Whether every service has its database.
pub(super) async fn database(State(app): State<Arc<App>>) -> Answer {
    let checks = checks(&app).await;
    let fails = checks.iter().any(|check| !check.ok);
    answer(&checks, fails)
}

/// What the services say, asked at most once in [`SHARED`]. Who asks meanwhile waits for the same answer.
async fn checks(app: &App) -> Vec<Check> {
    let mut heard = app.heard.lock().await;
    if let Some((at, checks)) = &*heard
        && at.elapsed() < SHARED
    {
        return checks.clone();
    }
    let checks = (app.health)().await;
    *heard = Some((Instant::now(), checks.clone()));
    checks
}

fn answer(checks: &[Check], fails: bool) -> Answer {
    let code = if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let all_well = checks.iter().all(|check| check.ok);
    let status = match (fails, all_well) {
        (true, _) => "unavailable",
        (false, true) => "ok",
        (false, false) => "degraded",
    };
    let by_name: Map<String, Value> = checks
        .iter()
        .map(|check| {
            let status = if check.ok { "ok" } else { "failed" };
            (check.name.clone(), json!({"status": status, "detail": check.detail}))
        })
        .collect();
    (code, Json(json!({"status": status, "checks": by_name})))
}

fn cache(app: &App) -> Check {
    let ok = app.cache.healthy();
    let detail =
        if ok { app.cache.kind().to_owned() } else { "away; limits are counted in this process".to_owned() };
    Check { name: "cache".to_owned(), ok, detail }
}

fn revocations(app: &App) -> Check {
    let detail = match app.authenticator.revocations.trust() {
        Trust::Fresh => "followed",
        Trust::Stale => "silent; each token is checked",
        Trust::Blind => "auth cannot be reached; writes are refused",
    };
    let ok = app.authenticator.revocations.trust() == Trust::Fresh;
    Check { name: "revocations".to_owned(), ok, detail: detail.to_owned() }
}
