//! The document of the API, and Swagger UI to read it with: from the binary, nothing is loaded from elsewhere.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use denizen_kit::problem::Problem;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::faces::failure::Failure;
use crate::state::App;

/// Swagger UI writes style attributes.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// The routes of the document and its reader.
pub(super) fn routes(document: &OpenApi) -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let json = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let document = move || std::future::ready(([(CONTENT_TYPE, "application/json")], json.clone()));
    // Relative addresses hold behind a proxy that adds a prefix, too.
    let config = Arc::new(Config::new(["../openapi.json"]).validator_url("none").try_it_out_enabled(true));
    let files = config.clone();
    let index = move || std::future::ready(file("index.html", &config));
    let file = move |Path(name): Path<String>| std::future::ready(file(&name, &files));
    let to_folder = || std::future::ready((StatusCode::PERMANENT_REDIRECT, [(LOCATION, "docs/")]));
    vec![
        ("/openapi.json", get(document)),
        ("/docs", get(to_folder)),
        ("/docs/", get(index)),
        ("/docs/{*file}", get(file)),
    ]
}

fn file(name: &str, config: &Arc<Config<'static>>) -> Result<Response, Failure> {
    let found = utoipa_swagger_ui::serve(name, config.clone()).ok().flatten();
    let file = found.ok_or_else(|| Problem::not_found("there is no such file"))?;
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::try_from(file.content_type).unwrap_or(HeaderValue::from_static("text/plain")),
        ),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((headers, file.bytes.into_owned()).into_response())
}
