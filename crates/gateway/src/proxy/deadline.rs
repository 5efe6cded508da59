//! How long an upstream has, as it is told with each try.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::is_grpc;

const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Most that eight digits hold, which a `grpc-timeout` has at most.
const MOST: u64 = 99_999_999;

/// Says how long the upstream has: to gRPC in its own header, to any other in milliseconds. A client's own gRPC deadline
/// stays if it is sooner.
pub(super) fn write(headers: &mut HeaderMap, left: Duration) {
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    if !is_grpc(headers) {
        headers.insert(REQUEST_TIMEOUT, HeaderValue::from(millis));
        return;
    }
    let asked = headers.get(GRPC_TIMEOUT).and_then(|value| read_grpc(value.to_str().ok()?));
    if asked.is_none_or(|asked| asked > millis)
        && let Ok(value) = HeaderValue::try_from(format!("{}m", millis.min(MOST)))
    {
        headers.insert(GRPC_TIMEOUT, value);
    }
}

/// Milliseconds of a `grpc-timeout` such as `5S` (gRPC over HTTP/2, "Requests"); below one they are none.
fn read_grpc(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(number * 3_600_000),
        "M" => Some(number * 60_000),
        "S" => Some(number * 1_000),
        "m" => Some(number),
        "u" => Some(number / 1_000),
        "n" => Some(number / 1_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(headers: &[(&'static str, &'static str)], millis: u64) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        write(&mut map, Duration::from_millis(millis));
        map
    }

    #[test]
    fn each_is_told_in_its_own_way() {
        assert_eq!(told(&[], 4_950)["x-request-timeout"], "4950");
        let grpc = |timeout| {
            let headers =
                told(&[("content-type", "application/grpc+proto"), ("grpc-timeout", timeout)], 4_950);
            assert!(!headers.contains_key("x-request-timeout"));
            headers["grpc-timeout"].to_str().unwrap().to_owned()
        };
        assert_eq!(grpc("1S"), "1S");
        for late in ["1M", "5S", "9999999999S", "x"] {
            assert_eq!(grpc(late), "4950m", "{late}");
        }
    }

    #[test]
    fn who_is_told_again_has_what_is_left_now() {
        let mut headers = told(&[("content-type", "application/grpc")], 3_000);
        write(&mut headers, Duration::from_millis(800));
        assert_eq!(headers["grpc-timeout"], "800m");
        let mut headers = told(&[], 3_000);
        write(&mut headers, Duration::from_millis(800));
        assert_eq!(headers["x-request-timeout"], "800");
    }
}
