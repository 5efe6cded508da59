//! What a code of a failure means: where the `type` of each problem leads.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use denizen_kit::problem::{Code, Problem};
use http::HeaderMap;
use serde_json::json;

use super::page::{Page, escape};
use super::wants_page;
use crate::faces::failure::{Failure, status_of, title};
use crate::state::App;

pub(super) async fn problem(
    State(app): State<Arc<App>>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let code = Code::parse(&code).ok_or_else(|| Problem::not_found("there is no such code"))?;
    let (title, status) = (title(code), status_of(code, code.kind()).as_u16());
    if !wants_page(&headers) {
        let kind = format!("{}/problems/{}", app.config.public_url, code.as_str());
        let body = json!({"type": kind, "code": code.as_str(), "title": title, "status": status, "meaning": code.meaning()});
        return Ok(Json(body).into_response());
    }
    let html = include_str!("../../pages/problem.html")
        .replace("/*STYLE*/", include_str!("../../pages/style.css"))
        .replace("{{title}}", &escape(&title))
        .replace("{{code}}", code.as_str())
        .replace("{{status}}", &status.to_string())
        .replace("{{meaning}}", &escape(code.meaning()));
    Ok(Page::new(html).answer())
}
