//! What is outside the API: health, metrics, documents, and the few pages of the gateway itself.

mod acme;
mod certificates;
mod console;
mod docs;
mod health;
mod home;
mod jwks;
mod mailbox;
pub(crate) mod measure;
pub(crate) mod metrics;
pub(crate) mod names;
mod page;
mod problems;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get};
use http::HeaderMap;
use http::header::ACCEPT;
use utoipa::openapi::OpenApi;

use crate::config::Config;
use crate::state::App;

/// The routes outside the API, and their paths. All of them take GET only.
pub(crate) fn routes(app: &Arc<App>, document: &OpenApi) -> (Router, Vec<&'static str>) {
    let mut list = pages(&app.config, document);
    if app.tls.as_ref().is_some_and(|tls| tls.acme.is_some()) {
        list.push(("/.well-known/acme-challenge/{token}", get(acme::proof)));
    }
    let paths = list.iter().map(|(path, _)| *path).collect();
    let router = list.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    (router.with_state(app.clone()), paths)
}

/// The paths outside the API, but for that of the proof of ACME.
pub(crate) fn paths(config: &Config, document: &OpenApi) -> Vec<&'static str> {
    pages(config, document).into_iter().map(|(path, _)| path).collect()
}

fn pages(config: &Config, document: &OpenApi) -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let mut list: Vec<(&'static str, MethodRouter<Arc<App>>)> = vec![
        ("/", get(home::home)),
        ("/info", get(home::info)),
        ("/health", get(health::health)),
        ("/health/live", get(health::live)),
        ("/health/ready", get(health::ready)),
        ("/health/database", get(health::database)),
        ("/metrics", get(metrics::metrics)),
        ("/.well-known/jwks.json", get(jwks::jwks)),
        ("/.well-known/denizen-certificates.json", get(certificates::keys)),
        ("/problems/{code}", get(problems::problem)),
    ];
    list.extend(docs::routes(document));
    list.extend(console::routes());
    if config.development {
        list.extend(mailbox::routes());
    }
    list
}

/// Whether the client would rather have a page than JSON: a browser.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}
