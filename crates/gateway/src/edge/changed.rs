//! What a route changes of requests to this system's own face, and of its answers.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use denizen_kit::problem::Problem;
use http::Request;
use http_body_util::BodyExt as _;

use super::body::{self, Takes};
use super::{Arrival, Edge};
use crate::faces::failure::Failure;
use crate::proxy::rule::Rule;
use crate::proxy::transform::{Incoming, Params};

// === impl Edge ===

impl Edge {
    /// The request as the route wants it.
    pub(super) async fn change_request(
        &self,
        request: Request<Body>,
        rule: &Rule,
        params: &Params,
    ) -> Result<Request<Body>, Failure> {
        let (mut parts, body) = request.into_parts();
        if let Some(response) = &rule.spec.changes.response {
            response.prepare(&mut parts.headers);
        }
        let Some(changes) = &rule.spec.changes.request else {
            return Ok(Request::from_parts(parts, body));
        };
        if !changes.needs_body() {
            changes.apply(&mut parts, params, Bytes::new())?;
            return Ok(Request::from_parts(parts, body));
        }
        let bytes = body::read(&self.0.app.config, Takes::Json, &parts.headers, body).await?;
        let bytes = changes.apply(&mut parts, params, bytes)?;
        Ok(Request::from_parts(parts, Body::from(bytes)))
    }

    /// The answer as the route wants it.
    pub(super) async fn change_answer(
        &self,
        answer: Result<Response, Failure>,
        rule: &Rule,
        incoming: &Incoming,
        arrival: &Arrival,
    ) -> Result<Response, Failure> {
        let Some(changes) = &rule.spec.changes.response else { return answer };
        let mut response = answer.unwrap_or_else(Failure::into_response);
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            response = self.render(&failure, arrival);
        }
        let (mut parts, body) = response.into_parts();
        if !changes.reads(incoming, parts.status, &parts.headers) {
            let bytes = changes.apply(incoming, &mut parts.status, &mut parts.headers, None);
            return Ok(Response::from_parts(parts, bytes.map_or(body, Body::from)));
        }
        let broken = |_| Problem::unavailable("the answer broke off; repeat the request");
        let bytes = body.collect().await.map_err(broken)?.to_bytes();
        let bytes = changes.apply(incoming, &mut parts.status, &mut parts.headers, Some(bytes));
        Ok(Response::from_parts(parts, Body::from(bytes.unwrap_or_default())))
    }
}
