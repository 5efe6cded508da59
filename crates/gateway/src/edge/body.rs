//! The body of a request, read whole within its limits of size and time.

use axum::body::Body;
use bytes::Bytes;
use denizen_kit::problem::{Code, Problem};
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::config::Config;
use crate::faces::failure::Failure;

/// Reads the body. What is too large is refused by its announced length already.
pub(crate) async fn read(config: &Config, headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > config.body_limit as u64) {
        return Err(too_large(config));
    }
    if http_body::Body::is_end_stream(&body) {
        return Ok(Bytes::new());
    }
    let whole = Limited::new(body, config.body_limit).collect();
    match tokio::time::timeout(config.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(config)),
        Ok(Err(_broken)) => Err(Problem::malformed("the body of the request broke off").into()),
        Err(_elapsed) => {
            let problem =
                Problem::new(Code::Timeout, "the body of the request came too slowly; repeat the request");
            Err(Failure::from(problem)
                .with_status(StatusCode::REQUEST_TIMEOUT)
                .with_header(CONNECTION, CLOSE))
        }
    }
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");

fn too_large(config: &Config) -> Failure {
    let detail = format!("the body is larger than {} bytes; send a smaller one", config.body_limit);
    Failure::from(Problem::new(Code::PayloadTooLarge, detail)).with_header(CONNECTION, CLOSE)
}

/// Lets pass a body that says it is JSON, in UTF-8 and not compressed (RFC 8259).
pub(crate) fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(Code::UnsupportedMediaType, "send the body without Content-Encoding"));
    }
    let media_type = text(CONTENT_TYPE).unwrap_or_default();
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let is_json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let is_utf8 = parameters.split(';').filter_map(|pair| pair.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if is_json && is_utf8 { Ok(()) } else { Err(Problem::of(Code::UnsupportedMediaType)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(media_type: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        check_media_type(&headers).is_ok()
    }

    #[test]
    fn only_json_in_utf8() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/jsonx",
            "multipart/form-data",
        ] {
            assert!(!check(bad), "{bad}");
        }
        assert!(check_media_type(&HeaderMap::new()).is_err());
    }
}
