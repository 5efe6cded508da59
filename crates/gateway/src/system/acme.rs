//! Proofs of names for ACME servers, over HTTP (RFC 8555 §8.3).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use denizen_kit::problem::Problem;
use http::header::CONTENT_TYPE;

use crate::faces::failure::Failure;
use crate::state::App;

pub(super) async fn proof(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let acme = app.tls.as_ref().and_then(|tls| tls.acme.as_ref());
    let text = match acme {
        Some(acme) => acme.text_of(&token).await,
        None => None,
    };
    let text = text.ok_or_else(|| Problem::not_found("no proof is kept under this token"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], text).into_response())
}
