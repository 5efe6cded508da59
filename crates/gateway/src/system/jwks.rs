//! The public keys of access tokens (RFC 7517), for other verifiers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::faces::failure::Failure;
use crate::state::App;

pub(super) async fn jwks(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let text = app.authenticator.keys.text().await?;
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=60")];
    Ok((headers, text).into_response())
}
