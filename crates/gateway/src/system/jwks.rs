//! The public keys of access tokens, and of what upstreams are told of people (RFC 7517), for other verifiers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use denizen_kit::problem::Problem;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;

use crate::faces::failure::Failure;
use crate::state::App;

pub(super) async fn jwks(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let mut set: Value =
        serde_json::from_str(&app.authenticator.keys.text().await?).map_err(Problem::internal)?;
    // Upstreams verify by the same set what they are told of people.
    if let Some(keys) = set["keys"].as_array_mut() {
        keys.push(app.proxy.identities.jwk().clone());
    }
    let text = set.to_string();
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=60")];
    Ok((headers, text).into_response())
}
