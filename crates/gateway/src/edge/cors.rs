//! Which pages of other origins may read answers (Fetch standard, CORS protocol). Tokens travel in a header, never in
//! a cookie, so credentials are not part of it.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::locate::Place;
use crate::proxy::rule::Cors;

const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id, traceparent",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id");
/// What a route says of other origins takes the place of what its upstream says.
const OF_UPSTREAMS: [HeaderName; 3] =
    [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS];

const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// What the answer says of the request's origin; none when the origin may not read it.
pub(crate) fn allowed_origin(origin: Option<&HeaderValue>, origins: &[String]) -> Option<HeaderValue> {
    let origin = origin.filter(|_| !origins.is_empty())?;
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

/// Lets the origin read the answer, if the route or else the settings allow it.
pub(super) fn mark_for(
    response: &mut Response,
    place: &Place<'_>,
    origin: Option<&HeaderValue>,
    origins: &[String],
) {
    let of_route = match place {
        Place::Routed(rule, _) => rule.cors.as_ref(),
        _ => None,
    };
    let map = response.headers_mut();
    if let Some(cors) = of_route {
        return mark_by_route(map, origin, cors);
    }
    if origins.is_empty() {
        return;
    }
    let Some(allowed) = allowed_origin(origin, origins) else { return vary_by_origin(map) };
    // Credentials that an upstream lets its own origins send are nothing that the settings grant.
    for name in OF_UPSTREAMS {
        map.remove(name);
    }
    mark(map, allowed);
}

fn mark_by_route(map: &mut HeaderMap, origin: Option<&HeaderValue>, cors: &Cors) {
    for name in OF_UPSTREAMS {
        map.remove(name);
    }
    let allowed = origin.and_then(|origin| cors.allowed(origin));
    let Some(allowed) = allowed else { return vary_by_origin(map) };
    if cors.credentials {
        map.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    mark(map, allowed);
    if let Some(expose) = &cors.expose {
        map.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
    }
}

/// The answer to the preflight of a route that says what other origins may do.
pub(super) fn preflight(headers: &HeaderMap, cors: &Cors) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let map = response.headers_mut();
    if headers.get(ORIGIN).is_some_and(|origin| cors.allowed(origin).is_some()) {
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(allowed) = cors.headers.as_ref().or(asked) {
            map.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
        }
        map.insert(ACCESS_CONTROL_ALLOW_METHODS, cors.methods.clone());
        map.insert(ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
    }
    response
}

/// Lets the origin read the answer.
fn mark(map: &mut HeaderMap, origin: HeaderValue) {
    if origin != "*" {
        vary_by_origin(map);
    }
    map.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    map.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// Says that another origin would have got another answer, so that no cache between gives this one to it (Fetch
/// standard, CORS protocol and HTTP caches).
fn vary_by_origin(map: &mut HeaderMap) {
    let lines = map.get_all(VARY).iter().filter_map(|value| value.to_str().ok());
    let mut names = lines.flat_map(|line| line.split(',')).map(str::trim);
    if !names.any(|name| name == "*" || name.eq_ignore_ascii_case("origin")) {
        map.append(VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_origins() {
        let origin = HeaderValue::from_static("https://app.example");
        let allowed = |list: &[&str]| {
            allowed_origin(Some(&origin), &list.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(allowed(&["https://app.example"]).unwrap(), "https://app.example");
        assert_eq!(allowed(&["*"]).unwrap(), "*");
        for none in
            [&[][..], &["https://app.example.evil"], &["http://app.example"], &["https://app.example/"]]
        {
            assert_eq!(allowed(none), None, "{none:?}");
        }
    }

    #[test]
    fn an_answer_says_once_that_it_depends_on_the_origin() {
        let vary = |given: &[&'static str]| {
            let mut map = HeaderMap::new();
            for line in given {
                map.append(VARY, HeaderValue::from_static(line));
            }
            vary_by_origin(&mut map);
            map.get_all(VARY).iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(vary(&[]), ["Origin"]);
        assert_eq!(vary(&["Accept", "x-origin"]), ["Accept", "x-origin", "Origin"]);
        assert_eq!(vary(&["Accept, origin"]), ["Accept, origin"]);
        assert_eq!(vary(&["*"]), ["*"]);
    }
}
