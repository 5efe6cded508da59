//! Which paths are refused before anything looks at them: those that two readers could read differently.

use axum::body::Body;
use denizen_kit::problem::Problem;
use http::header::{CONNECTION, HOST};
use http::uri::Authority;
use http::{HeaderValue, Request, Version};

use crate::faces::failure::Failure;
use crate::listen::Connection;

/// Lets a path pass that has one reading only: no empty or dot segments, no parameters, no backslash, and no
/// percent-encoding of what separates or disguises segments (RFC 3986 §6.2.2; OWASP path confusion).
pub(crate) fn check(path: &str) -> Result<(), Problem> {
    let bytes = path.as_bytes();
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'/' | b'-'
                    | b'_'
                    | b'.'
                    | b'~'
                    | b'@'
                    | b':'
                    | b'+'
                    | b','
                    | b'='
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
            )
    };
    let refused = || {
        Problem::malformed(
            "the path has empty or dot segments, or characters that are not accepted; send it plainly",
        )
    };
    if !path.starts_with('/') || path.contains("//") {
        return Err(refused());
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(refused());
    }
    if bytes.iter().all(plain) {
        return Ok(());
    }
    let decoded = decode(bytes).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refused)?;
    if decoded.chars().any(char::is_control) { Err(refused()) } else { Ok(()) }
}

/// The path without percent-encoding; none when a character is refused in plain or in encoded form.
fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            if !byte.is_ascii_graphic() || matches!(byte, b';' | b'\\') {
                return None;
            }
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        let value = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if matches!(value, b'/' | b'\\' | b'.' | b'%' | b';') || value.is_ascii_control() || digits[0] == b'+'
        {
            return None;
        }
        decoded.push(value);
        rest = tail;
    }
    Some(decoded)
}

/// Refuses a request that names no host, or two (RFC 9112 §3.2), be it by Host twice or by another authority in the
/// target. A request that came by no socket needs none.
pub(crate) fn check_host(request: &Request<Body>, by_socket: bool) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let authority = request.uri().authority().map(Authority::as_str);
    let missing = host.is_none() && request.version() == Version::HTTP_11 && by_socket;
    let differs = host
        .zip(authority)
        .is_some_and(|(host, authority)| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()));
    if second.is_some() || missing || differs {
        return Err(Problem::malformed("a request names one host, in one Host header"));
    }
    Ok(())
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
    fn one_reading_only() {
        let refused = [
            "/public/../v1/users",
            "/v1/%2e%2e/v1/users",
            "//v1//users",
            "/v1/users%2f..",
            "/v1/users%2F",
            "/v1/users;x",
            "/v1/users%3bx",
            "/v1/%252e",
            "/v1\\users",
            "/v1%5cusers",
            "/v1/users%00",
            "/v1/./users",
            "/v1/users/..",
            "/v1/%zz",
            "/v1/%4",
            "/v1/%+f",
            "/v1/%ff",
            "/v1/users%0a",
            "*",
            "",
            "/a b",
            "/v1/%c2%80",
        ];
        for path in refused {
            assert!(check(path).is_err(), "{path}");
        }
        for path in
            ["/", "/api/v1/users/", "/.well-known/jwks.json", "/a/%C3%A4", "/a/x%20y", "/...", "/a/b.c"]
        {
            assert!(check(path).is_ok(), "{path}");
        }
    }

    fn host(version: Version, target: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().version(version).uri(target).body(Body::empty()).unwrap();
        for host in hosts {
            request.headers_mut().append(HOST, host.parse().unwrap());
        }
        check_host(&request, true).is_ok()
    }

    #[test]
    fn one_host() {
        assert!(!host(Version::HTTP_11, "/", &[]) && host(Version::HTTP_2, "/", &[]));
        assert!(
            host(Version::HTTP_11, "/", &["a.test"]) && !host(Version::HTTP_11, "/", &["a.test", "a.test"])
        );
        assert!(host(Version::HTTP_11, "http://A.test:80/", &["a.test:80"]));
        assert!(!host(Version::HTTP_11, "http://a.test/", &["b.test"]));
        assert!(!host(Version::HTTP_2, "https://a.test/", &["b.test"]));
    }
}
