//! Answers in JSON.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use denizen_kit::problem::{Code, Problem};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::failure::Failure;

/// Room for an answer: most accounts fit, and a longer one grows.
const ROOM: usize = 1024;

/// A view as bytes; none when it cannot be written, which no view is meant to be.
pub(crate) fn bytes(view: &impl Serialize) -> Option<Bytes> {
    let mut text = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut text, view).ok()?;
    Some(text.into())
}

/// The answer 200 of bytes that are JSON.
pub(crate) fn of_bytes(bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer 200 of a view.
pub(crate) fn json(view: &impl Serialize) -> Response {
    use axum::response::IntoResponse as _;
    let failed =
        || Failure::from(Problem::new(Code::Internal, "the answer cannot be written")).into_response();
    bytes(view).map_or_else(failed, of_bytes)
}
