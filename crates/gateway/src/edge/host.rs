//! Whom a request is for and how long it is: told twice, or in two ways, it is refused.

use std::net::Ipv6Addr;

use axum::body::Body;
use denizen_kit::problem::Problem;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};

use crate::faces::failure::Failure;
use crate::listen::Connection;

/// Refuses a request that names no host, two, or one that is none (RFC 9112 §3.2). A request that came by no socket needs
/// none.
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
    let in_target = uri.authority().map(|authority| authority.as_str().as_bytes());
    if !first.map(HeaderValue::as_bytes).into_iter().chain(in_target).all(is_authority) {
        return Err(Problem::malformed("the host is a name or an address, with a port or without"));
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
    uri.authority().map(Authority::as_str).or_else(by_header).unwrap_or_default()
}

/// Whether it is a host and nothing else but its port (RFC 9110 §7.2).
fn is_authority(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let with_port = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    let (host, port) = with_port.unwrap_or((text, ""));
    // Parsing alone would take a sign.
    let is_port =
        port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    is_port && is_host(host)
}

/// Whether it is a name or an address. RFC 3986 allows more in names, such as commas and percent-encoding: nobody has such
/// a name, and others read another one in it.
fn is_host(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !host.is_empty() && host.bytes().all(is_plain)
}

/// Refuses a request whose body two readers may see end at two places: one with Content-Length and Transfer-Encoding (RFC
/// 9112 §6.3), or in another coding than `chunked`, which would be taken off without a word (§6.1). The connection ends,
/// since nobody knows where the next request begins.
pub(crate) fn check_framing(request: &Request<Body>) -> Result<(), Failure> {
    if request.extensions().get::<Connection>().is_some_and(|connection| connection.has_two_lengths) {
        return Err(unframed("a request has Content-Length or Transfer-Encoding, not both"));
    }
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_none_or(is_chunked) && codings.next().is_none() {
        return Ok(());
    }
    let detail =
        "the one transfer coding that is spoken here is chunked; send the body so, or with its length";
    Err(unframed(detail).with_status(StatusCode::NOT_IMPLEMENTED))
}

fn unframed(detail: &'static str) -> Failure {
    Failure::from(Problem::malformed(detail)).with_header(CONNECTION, HeaderValue::from_static("close"))
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
    fn a_host_is_a_name_or_an_address_and_its_port() {
        let target = Uri::from_static("/");
        let check = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
            check_host((Version::HTTP_11, &target), &headers, true).is_ok()
        };
        for good in [
            "a.example",
            "A.Example.:8080",
            "my_service:0",
            "a.example:",
            "xn--bcher-kva.example:65535",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[::1]:443",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a.example, b.example",
            "a.example,b.example",
            "a b",
            "u@b.example",
            "b.example/x",
            "b.example?x",
            "b.example#x",
            "a.example:99999999",
            "a.example:65536",
            "a.example:+80",
            "a.example:80:80",
            "a.example:http",
            "%61.example",
            "bücher.example",
            "[::1",
            "[::1]x",
            "[a.example]",
            "[fe80::1%25eth0]",
            "::1",
        ] {
            assert!(!check(bad), "{bad}");
        }
        let absolute = |target: &str| {
            let target = Uri::try_from(target);
            target.is_ok_and(|target| check_host((Version::HTTP_2, &target), &HeaderMap::new(), true).is_ok())
        };
        assert!(absolute("http://a.example:80/x"));
        assert!(!absolute("http://u@b.example/x") && !absolute("http://a.example:99999999/x"));
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
