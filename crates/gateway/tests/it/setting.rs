//! A gateway whose services are nowhere.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use denizen_cache::Cache;
use denizen_gateway::{Acme, App, Check, Config, Deps, Health, Info, Tls};
use denizen_kit::caller::Role;
use denizen_kit::config::Settings;
use denizen_kit::seal::Key;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use denizen_kit::trace::Tracer;
use denizen_rpc::{Links, Signer};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) fn config(toml: &str) -> Config {
    let mut settings = Settings::load(toml, []);
    let config = Config::read(&mut settings);
    settings.finish().unwrap();
    Config { public_url: "http://127.0.0.1:8080".to_owned(), development: true, ..config }
}

pub(crate) fn app(config: Config) -> Arc<App> {
    let check = Check { name: "users".to_owned(), ok: false, detail: "away".to_owned() };
    app_with(config, Arc::new(move || Box::pin(std::future::ready(vec![check.clone()]))))
}

pub(crate) fn app_with(config: Config, health: Health) -> Arc<App> {
    app_on(config, health, (Clock::manual(Timestamp::from_second(1_769_857_200).unwrap()), None))
}

/// A gateway that serves TLS as its settings say, by a clock that shows the time.
pub(crate) fn app_of_now(config: Config, acme: Option<Acme>, clock: &Clock) -> Arc<App> {
    let tls = Tls::open(&config.sockets, acme).unwrap();
    app_on(
        config,
        Arc::new(|| Box::pin(std::future::ready(Vec::new()))),
        (clock.clone(), Some(Arc::new(tls))),
    )
}

fn app_on(config: Config, health: Health, (clock, tls): (Clock, Option<Arc<Tls>>)) -> Arc<App> {
    let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
    App::new(Deps {
        links: Links::new(Role::Gateway, Arc::new(HashMap::new()), signer),
        cache: Cache::memory(),
        clock,
        config,
        tls,
        metrics: Arc::new(String::new),
        health,
        info: Info { version: "1.2.3".to_owned(), roles: vec![Role::Gateway], engine: String::new() },
        network_key: Key::from_bytes([2; 32]),
        account_changes: None,
        identity_key: Key::from_bytes([3; 32]),
        tasks: Tasks::new(),
        tracer: Tracer::off(),
    })
}

/// Sends one request to a gateway with default settings.
pub(crate) async fn send(request: Request<Body>) -> (Response<()>, Value) {
    send_to(&app(config("")), request).await
}

pub(crate) async fn send_to(app: &Arc<App>, request: Request<Body>) -> (Response<()>, Value) {
    let response = denizen_gateway::router(app).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    (Response::from_parts(parts, ()), json)
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) fn post(path: &str, body: &str) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
}
