//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write takes effect once under its key.

use aws_lc_rs::digest::{Context, SHA256};
use denizen_kit::cx::Idempotency;
use denizen_kit::problem::Problem;
use http::{HeaderMap, Method};

/// Longest key.
const MAX_KEY: usize = 255;

/// The key of a write with the fingerprint of its request; none when it has no key.
pub(crate) fn read(
    headers: &HeaderMap,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<Idempotency>, Problem> {
    if method.is_safe() {
        return Ok(None);
    }
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed =
        || Problem::malformed("Idempotency-Key is one value of 1 to 255 printable ASCII characters");
    let text = value.to_str().map_err(|_| malformed())?;
    // The draft has a quoted string, many clients send it bare: both name the same key.
    let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let is_printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if key.is_empty() || key.len() > MAX_KEY || !is_printable || values.next().is_some() {
        return Err(malformed());
    }
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint: fingerprint(method, path, body) }))
}

/// SHA-256 over method, path and body, each with its length before it.
fn fingerprint(method: &Method, path: &str, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [method.as_str().as_bytes(), path.as_bytes(), body] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(values: &[&str]) -> Result<Option<Idempotency>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", HeaderValue::from_str(value).unwrap());
        }
        read(&headers, &Method::POST, "/x", b"{}")
    }

    #[test]
    fn quoted_and_bare_are_one_key() {
        assert_eq!(key(&["\"abc\""]).unwrap().unwrap().key, "abc");
        assert_eq!(key(&["abc"]).unwrap(), key(&["\"abc\""]).unwrap());
        assert_eq!(key(&[]).unwrap(), None);
    }

    #[test]
    fn bad_keys_are_refused() {
        for bad in [&[""][..], &["\"\""], &["a\tb"], &["ä"], &["a", "b"], &["x".repeat(256).as_str()]] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
        assert!(key(&["x".repeat(255).as_str()]).is_ok());
    }

    #[test]
    fn the_fingerprint_is_of_the_whole_request() {
        let base = fingerprint(&Method::POST, "/a", b"x");
        assert_ne!(base, fingerprint(&Method::PUT, "/a", b"x"));
        assert_ne!(base, fingerprint(&Method::POST, "/ax", b""));
        assert_ne!(base, fingerprint(&Method::POST, "/a", b"y"));
    }
}
