//! Answers on their way to a client, with `Age` and `Cache-Status` (RFC 9211).

use axum::body::Body;
use axum::response::Response;
use denizen_kit::time::Timestamp;
use http::header::{AGE, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::conditional::{is_not_modified, strip_content};
use super::entry::{Entry, strip_tags};

pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The client's answer from an entry: "not modified" if the client has it, without its body for HEAD.
pub(super) fn from_entry(entry: &Entry, asked: &Parts, now: Timestamp, status: &str) -> Response {
    let mut headers = entry.headers.clone();
    headers.insert(AGE, HeaderValue::from(entry.age(now).as_secs()));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = entry.status;
    if is_not_modified(&asked.headers, entry.status, &headers) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        strip_content(&mut headers);
    } else {
        let may_have_body = entry.status != StatusCode::NO_CONTENT;
        if may_have_body {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(entry.body.len()));
        }
        if asked.method != Method::HEAD {
            *response.body_mut() = Body::from(entry.body.clone());
        }
    }
    *response.headers_mut() = headers;
    add_status(response.headers_mut(), status);
    response
}

/// The client's answer from the upstream. Conditions that the upstream has not seen are looked at here.
pub(super) fn from_upstream(response: Response, asked: &Parts, looks: bool, status: &str) -> Response {
    let mut response = response;
    let has_it = looks && is_not_modified(&asked.headers, response.status(), response.headers());
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        strip_content(response.headers_mut());
    }
    strip_tags(response.headers_mut());
    add_status(response.headers_mut(), status);
    response
}

/// Says what this cache did, behind what caches nearer to the origin have said.
fn add_status(headers: &mut HeaderMap, status: &str) {
    if let Ok(value) = HeaderValue::try_from(format!("denizen; {status}")) {
        headers.append(CACHE_STATUS, value);
    }
}
