//! The body of a request, read whole within its limits of size and time.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use denizen_kit::problem::{Code, Problem};
use futures::{StreamExt as _, stream};
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, LengthLimitError, Limited, StreamBody};

use crate::config::Config;
use crate::faces::failure::Failure;
use crate::faces::form::is_form;
use crate::listen::pace;

/// Most bytes of a body with a picture: the picture's 5 MiB, and room for the form around it.
const PICTURE_LIMIT: usize = (5 << 20) + (64 << 10);

/// What an operation takes as its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// JSON.
    Json,
    /// JSON, or a form as clients of OAuth send it (RFC 6749 appendix B).
    JsonOrForm,
    /// A picture, plain or in a form.
    Picture,
    /// Records without end: the operation takes them part by part, the door does not read them.
    Records,
}

// === impl Takes ===

impl Takes {
    /// What the operation of a route takes.
    pub(crate) fn of(method: &Method, template: &str) -> Self {
        match (method, template) {
            (&Method::PUT, "/api/v1/users/{id}/avatar") => Self::Picture,
            (&Method::POST, "/api/v1/admin/import") => Self::Records,
            (&Method::POST, "/api/v1/auth/service-token" | "/api/v1/auth/validate") => Self::JsonOrForm,
            _ => Self::Json,
        }
    }

    /// The largest body of it, in bytes.
    pub(crate) fn limit(self, config: &Config) -> usize {
        match self {
            Self::Json | Self::JsonOrForm | Self::Records => config.body_limit,
            Self::Picture => PICTURE_LIMIT.max(config.body_limit),
        }
    }
}

/// Reads the body. What is too large is refused by its announced length already.
pub(crate) async fn read(limit: usize, headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    if is_announced_beyond(limit, headers) {
        return Err(too_large(limit));
    }
    if http_body::Body::is_end_stream(&body) {
        return Ok(Bytes::new());
    }
    let whole = Limited::new(body, limit).collect().await.map_err(|error| unread(&*error, limit))?;
    Ok(whole.to_bytes())
}

/// Reads a body within a limit, and gives it back to be read again. Of a longer one only the start is read; what is given
/// back has all of it.
pub(crate) async fn peek(
    limit: usize,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Body, Option<Bytes>), Failure> {
    if is_announced_beyond(limit, headers) {
        return Ok((body, None));
    }
    let mut start = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unread(&error, limit))?;
        // Trailers are the end.
        let Ok(data) = frame.into_data() else { break };
        start.extend_from_slice(&data);
        if start.len() > limit {
            let start = stream::iter([Ok(Frame::data(start.freeze()))]);
            return Ok((Body::new(StreamBody::new(start.chain(BodyStream::new(body)))), None));
        }
    }
    let whole = start.freeze();
    Ok((Body::from(whole.clone()), Some(whole)))
}

fn is_announced_beyond(limit: usize, headers: &HeaderMap) -> bool {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    announced.is_some_and(|length| length > limit as u64)
}

/// The failure of a body that could not be read to its end.
fn unread(error: &(dyn std::error::Error + 'static), limit: usize) -> Failure {
    if is_too_large(error) {
        return too_large(limit);
    }
    if !pace::is_too_slow(error) {
        return Problem::malformed("the body of the request broke off").into();
    }
    let problem = Problem::new(Code::Timeout, "the body of the request came too slowly; repeat the request");
    Failure::from(problem).with_status(StatusCode::REQUEST_TIMEOUT).with_header(CONNECTION, CLOSE)
}

/// A request whose body ends with an error beyond a limit; refused at once when it says that it is longer.
pub(crate) fn within(limit: Option<usize>, request: Request<Body>) -> Result<Request<Body>, Failure> {
    let Some(limit) = limit else { return Ok(request) };
    let announced = http_body::Body::size_hint(request.body()).lower();
    if announced > limit as u64 {
        return Err(too_large(limit));
    }
    Ok(request.map(|body| Body::new(Limited::new(body, limit))))
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Whether a body ended since it was too large, here or at a limit before.
fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}

fn too_large(limit: usize) -> Failure {
    let detail = format!("the body is larger than {limit} bytes; send a smaller one");
    Failure::from(Problem::new(Code::PayloadTooLarge, detail)).with_header(CONNECTION, CLOSE)
}

/// Lets pass a body that is not compressed and says it is what the operation takes: JSON in UTF-8 (RFC 8259), or a
/// picture, whose bytes tell of which kind.
pub(crate) fn check_media_type(takes: Takes, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(Code::UnsupportedMediaType, "send the body without Content-Encoding"));
    }
    let media_type = text(CONTENT_TYPE).unwrap_or_default();
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let essence = essence.trim().to_ascii_lowercase();
    if takes == Takes::Picture {
        let is_picture = essence.starts_with("image/")
            || ["multipart/form-data", "application/octet-stream", ""].contains(&essence.as_str());
        let detail = "send the picture itself as image/png, image/jpeg, image/webp or image/gif, or in multipart/form-data";
        return if is_picture { Ok(()) } else { Err(Problem::new(Code::UnsupportedMediaType, detail)) };
    }
    if takes == Takes::Records {
        let known = ["application/x-ndjson", "application/jsonl", "text/csv", "application/json"];
        let detail = "send the records as application/x-ndjson, text/csv or application/json";
        let is_known = known.contains(&essence.as_str());
        return if is_known { Ok(()) } else { Err(Problem::new(Code::UnsupportedMediaType, detail)) };
    }
    if takes == Takes::JsonOrForm && is_form(headers) {
        return Ok(());
    }
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
        check_media_type(Takes::Json, &headers).is_ok()
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
        assert!(check_media_type(Takes::Json, &HeaderMap::new()).is_err());
    }

    #[test]
    fn a_picture_comes_plain_or_in_a_form() {
        let takes = Takes::of(&Method::PUT, "/api/v1/users/{id}/avatar");
        let check = |media_type: &'static str, encoding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            check_media_type(takes, &headers).is_ok()
        };
        assert!(check("image/png", "identity") && check("Image/JPEG", "identity"));
        assert!(check("multipart/form-data; boundary=x", "identity"));
        assert!(!check("application/json", "identity") && !check("text/html", "identity"));
        assert!(!check("image/png", "gzip"));
        assert_eq!(Takes::of(&Method::DELETE, "/api/v1/users/{id}/avatar"), Takes::Json);
    }
}
