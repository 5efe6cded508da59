//! How the system is: for load balancers, for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::{Kind, Problem};
use denizen_rpc::audit::v1::ListEntriesRequest;
use denizen_rpc::events::internal::v1::EventsRequest;
use denizen_rpc::{Link, problem_from};
use futures::future::join_all;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::edge::Trust;
use crate::state::{App, Check};

/// How long a service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

type Answer = (StatusCode, Json<Value>);

/// Whether the process runs at all.
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Whether the process takes requests, and which roles it cannot reach because nobody said where they are.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Answer {
    let absent: Vec<&str> = services().filter(|role| is_absent(&app, *role)).map(Role::as_str).collect();
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "stopping", "absent": absent})));
    }
    let status = if absent.is_empty() { "ok" } else { "degraded" };
    (StatusCode::OK, Json(json!({"status": status, "absent": absent})))
}

/// How everything is.
pub(super) async fn health(State(app): State<Arc<App>>) -> Answer {
    let elsewhere = services().filter(|role| !matches!(app.links.link(*role), Link::Local(_)));
    let (mut checks, probes) = tokio::join!((app.health)(), probe_all(&app, elsewhere.collect()));
    checks.extend(probes);
    let serves_nothing = !checks.is_empty() && checks.iter().all(|check| !check.ok);
    checks.push(cache(&app));
    checks.push(revocations(&app));
    answer(&checks, serves_nothing)
}

/// Whether every service has its database.
pub(super) async fn database(State(app): State<Arc<App>>) -> Answer {
    let (mut checks, probes) = tokio::join!((app.health)(), probe_all(&app, services().collect()));
    checks.extend(probes);
    let fails = checks.iter().any(|check| !check.ok);
    answer(&checks, fails)
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

fn services() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| *role != Role::Gateway)
}

fn is_absent(app: &App, role: Role) -> bool {
    matches!(app.links.link(role), Link::Absent)
}

fn cache(app: &App) -> Check {
    let ok = app.cache.healthy();
    let detail = if ok { app.cache.kind().to_owned() } else { "away; limits are counted in this process".to_owned() };
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

async fn probe_all(app: &App, roles: Vec<Role>) -> Vec<Check> {
    join_all(roles.into_iter().map(|role| probe(app, role))).await
}

/// Asks a service for something cheap that its database must answer.
async fn probe(app: &App, role: Role) -> Check {
    let name = role.as_str().to_owned();
    if is_absent(app, role) {
        return Check { name, ok: false, detail: format!("set services.{role}.url or add it to roles") };
    }
    let outcome = match tokio::time::timeout(PATIENCE, ask(app, role)).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => return Check { name, ok: false, detail: "does not answer".to_owned() },
    };
    match outcome.map_err(|problem| problem.kind) {
        Ok(()) => Check { name, ok: true, detail: "answers".to_owned() },
        // It is there and sound enough to refuse; it does not show its log to a gateway.
        Err(Kind::Unauthenticated | Kind::Forbidden) => Check { name, ok: true, detail: "reachable".to_owned() },
        Err(_) => Check { name, ok: false, detail: "fails".to_owned() },
    }
}

async fn ask(app: &App, role: Role) -> Result<(), Problem> {
    let cx = Cx::job(Role::Gateway, &app.clock);
    if role == Role::Audit {
        // audit has no log of events; an anonymous reader is refused by it, which shows that it is there.
        let request = ListEntriesRequest { limit: 1, ..ListEntriesRequest::default() };
        return app.links.audit(cx.call()).list_entries(request).await.map(drop).map_err(problem_from);
    }
    let request = EventsRequest { producer: role.to_string(), after_seq: i64::MAX, limit: 1 };
    app.links.event_log(role, &cx).events(request).await.map(drop).map_err(problem_from)
}
