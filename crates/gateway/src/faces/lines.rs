//! Answers of any length as lines of JSON, written as they come, so that they need the memory of one part.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use denizen_kit::problem::Problem;
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

/// The media type of one JSON text a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Whether the client asks for lines.
pub(crate) fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).map(|part| part.split(';').next());
    types.any(|kind| {
        let kind = kind.unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(NDJSON) || kind.eq_ignore_ascii_case("application/jsonl")
    })
}

/// The answer of these parts, each some lines. A failure in the midst is the last line: an object with `code` and
/// `detail` and nothing else; the status has long been sent.
pub(crate) fn lines<T: Serialize>(
    parts: impl Stream<Item = Result<Vec<T>, Problem>> + Send + 'static,
) -> Response {
    let bytes = parts.map(|part| Ok::<_, Infallible>(write(part)));
    let mut response = Response::new(Body::from_stream(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response
}

fn write<T: Serialize>(part: Result<Vec<T>, Problem>) -> Bytes {
    let mut text = Vec::new();
    match part {
        Ok(items) => items.iter().for_each(|item| put(&mut text, item)),
        Err(problem) => {
            let line = serde_json::json!({ "code": problem.code.as_str(), "detail": problem.detail });
            put(&mut text, &line);
        }
    }
    text.into()
}

fn put(text: &mut Vec<u8>, item: &impl Serialize) {
    let length = text.len();
    // What cannot be written is left out whole, not in half a line.
    if serde_json::to_writer(&mut *text, item).is_err() {
        text.truncate(length);
        return;
    }
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use denizen_kit::problem::Code;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn each_item_is_a_line_and_a_failure_the_last() {
        let parts = vec![Ok(vec![1, 2]), Ok(vec![]), Err(Problem::new(Code::Unavailable, "later"))];
        let response = lines(futures::stream::iter(parts));
        assert_eq!(response.headers()[CONTENT_TYPE], NDJSON);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text, "1\n2\n{\"code\":\"unavailable\",\"detail\":\"later\"}\n");
    }

    #[test]
    fn lines_are_for_those_who_ask() {
        let asks = |value: &'static str| {
            wants_lines(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))]))
        };
        assert!(asks("application/x-ndjson") && asks("text/html, Application/X-NDJSON;q=0.9"));
        assert!(asks("application/jsonl"));
        assert!(!asks("application/json") && !asks("*/*") && !wants_lines(&HeaderMap::new()));
    }
}
