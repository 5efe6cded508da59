//! Whom a request is for and how long it is: told twice, or in two ways, it is refused.

use axum::body::Body;
use denizen_kit::problem::Problem;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Request, Uri, Version};

use crate::faces::failure::Failure;
use crate::listen::Connection;

/// Refuses a request that names no host, or two (RFC 9112 §3.2). A request that came by no socket needs none.
pub(crate) fn check_host(
    (version, uri): (Version, &Uri),
    headers: &HeaderMap,
    by_socket: bool,
) -> Result<(), Problem> {
    let mut hosts = headers.get_all(HOST).iter();
    let first = hosts.next();
    let missing = first.is_none() && version == Version::HTTP_11 && by_socket;
    if hosts.next().is_some() || missing {
        return Err(Problem::malformed("a request has exactly one Host header"));
    }
    // RFC 9113 §8.3.1: beside `:authority` a Host header says the same or nothing.
    match (first, uri.authority()) {
        (Some(host), Some(authority))
            if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Err(Problem::malformed("the Host header names another host than the request's target"))
        }
        _ => Ok(()),
    }
}

/// The authority that a request names: in its target, or in its Host header (RFC 9112 §3.3).
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    let by_header = || headers.get(HOST).and_then(|value| value.to_str().ok());
    uri.authority().map(http::uri::Authority::as_str).or_else(by_header).unwrap_or_default()
}

/// Refuses a request whose body has two lengths, Content-Length and Transfer-Encoding: who forwarded it may have taken
/// the other one (RFC 9112 §6.3). The connection ends, since nobody knows where the next request begins.
pub(crate) fn check_lengths(request: &Request<Body>) -> Result<(), Failure> {
    if !request.extensions().get::<Connection>().is_some_and(|connection| connection.has_two_lengths) {
        return Ok(());
    }
    let detail = "a request has Content-Length or Transfer-Encoding, not both";
    Err(Failure::from(Problem::malformed(detail)).with_header(CONNECTION, HeaderValue::from_static("close")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host() {
        let target = Uri::from_static("/");
        let host = |version, headers: &HeaderMap| check_host((version, &target), headers, true);
        let mut headers = HeaderMap::new();
        assert!(host(Version::HTTP_11, &headers).is_err());
        assert!(host(Version::HTTP_2, &headers).is_ok());
        headers.append(HOST, HeaderValue::from_static("a.example"));
        assert!(host(Version::HTTP_11, &headers).is_ok());
        headers.append(HOST, HeaderValue::from_static("b.example"));
        assert!(host(Version::HTTP_11, &headers).is_err());
    }

    #[test]
    fn a_host_beside_the_target_says_the_same() {
        let mut headers = HeaderMap::new();
        let target = Uri::from_static("http://A.example/x");
        headers.append(HOST, HeaderValue::from_static("a.example"));
        assert!(check_host((Version::HTTP_2, &target), &headers, true).is_ok());
        assert_eq!(authority(&target, &headers), "A.example");
        headers.insert(HOST, HeaderValue::from_static("b.example"));
        assert!(check_host((Version::HTTP_2, &target), &headers, true).is_err());
        assert_eq!(authority(&Uri::from_static("/x"), &headers), "b.example");
    }
}
