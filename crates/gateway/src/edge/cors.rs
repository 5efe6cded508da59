//! Which pages of other origins may read answers (Fetch standard, CORS protocol). Tokens travel in a header, never in
//! a cookie, so credentials are not part of it.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id, traceparent",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// What the answer says of the request's origin; none when the origin may not read it.
pub(crate) fn allowed_origin(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    if origins.is_empty() {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    if origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// The answer to OPTIONS: the methods, and to a preflight what may be sent.
pub(crate) fn options(headers: &HeaderMap, allow: &HeaderValue, origin: Option<&HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let map = response.headers_mut();
    map.insert(ALLOW, allow.clone());
    if origin.is_some() && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        map.insert(ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
        map.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        map.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

/// Lets the origin read the answer.
pub(crate) fn mark(map: &mut HeaderMap, origin: HeaderValue) {
    if origin != "*" {
        map.append(VARY, HeaderValue::from_static("Origin"));
    }
    map.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    map.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_origins() {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        let allowed = |list: &[&str]| {
            allowed_origin(&headers, &list.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(allowed(&["https://app.example"]).unwrap(), "https://app.example");
        assert_eq!(allowed(&["*"]).unwrap(), "*");
        for none in
            [&[][..], &["https://app.example.evil"], &["http://app.example"], &["https://app.example/"]]
        {
            assert_eq!(allowed(none), None, "{none:?}");
        }
    }
}
