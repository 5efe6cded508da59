//! What this is: for people at `/`, for machines at `/` and `/info`.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::{Value, json};

use super::page::{Page, escape};
use super::wants_page;
use crate::state::App;

/// What is where.
const LINKS: [(&str, &str); 7] = [
    ("docs", "docs/"),
    ("openapi", "openapi.json"),
    ("api", "api/v1/users"),
    ("health", "health"),
    ("info", "info"),
    ("keys", ".well-known/jwks.json"),
    ("problems", "problems/not_found"),
];

pub(super) async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let version = &app.info.version;
    if !wants_page(&headers) {
        let links: serde_json::Map<String, Value> =
            LINKS.iter().map(|(name, path)| ((*name).to_owned(), Value::from(format!("/{path}")))).collect();
        return Json(json!({"name": "denizen", "version": version, "links": links})).into_response();
    }
    let mut links: Vec<(&str, &str)> = LINKS.to_vec();
    if app.config.development {
        links.push(("mailbox", "dev/mailbox"));
    }
    let mut items = String::new();
    for (name, path) in links {
        let _ = write!(items, "<li><a href=\"{path}\">{name}</a></li>");
    }
    let html = include_str!("../../pages/home.html")
        .replace("/*STYLE*/", include_str!("../../pages/style.css"))
        .replace("{{version}}", &escape(version))
        .replace("{{links}}", &items);
    Page::new(html).answer()
}

pub(super) async fn info(State(app): State<Arc<App>>) -> Json<Value> {
    let roles: Vec<&str> = app.info.roles.iter().map(|role| role.as_str()).collect();
    let mode = if app.config.development { "development" } else { "production" };
    Json(json!({
        "name": "denizen",
        "version": app.info.version,
        "roles": roles,
        "mode": mode,
        "engine": app.info.engine,
    }))
}
