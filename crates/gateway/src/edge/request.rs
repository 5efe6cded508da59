//! What travels with a request from the door on: its id, its trace, where it comes from.

use std::net::SocketAddr;
use std::sync::Arc;

use denizen_kit::cx::Call;
use denizen_kit::id::{Numbers, uuid_v7};
use denizen_kit::time::Clock;
use denizen_kit::trace::TraceContext;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Name of the header with a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Name of the header with a request's place in its trace (W3C Trace Context §3.2).
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Name of the header with what others keep of that trace (W3C Trace Context §3.3).
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Longest request id that is taken from a client.
const MAX_REQUEST_ID: usize = 128;

/// How many characters of a user agent are kept.
const MAX_USER_AGENT: usize = 256;

/// A request behind the door, as an extension for what answers it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// What travels on to the services.
    pub(crate) call: Arc<Call>,
    /// The socket's peer, if it came by one.
    pub(crate) peer: Option<SocketAddr>,
}

/// Makes ids of requests. They differ, but keep no secret.
#[derive(Debug, Default)]
pub(crate) struct RequestIds(Numbers);

// === impl RequestIds ===

impl RequestIds {
    fn next(&self) -> [u8; 10] {
        let (low, high) = (self.0.draw(), self.0.draw());
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&low.to_be_bytes());
        bytes[8..].copy_from_slice(&high.to_be_bytes()[..2]);
        bytes
    }
}

/// The request's id: the client's if it is plain, else a new UUIDv7.
pub(crate) fn request_id(headers: &HeaderMap, clock: &Clock, ids: &RequestIds) -> Arc<str> {
    let plain = |text: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !text.is_empty() && text.len() <= MAX_REQUEST_ID && text.bytes().all(is_plain)
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    if let Some(given) = given {
        return Arc::from(given);
    }
    let mut buffer = uuid::Uuid::encode_buffer();
    Arc::from(&*uuid_v7(clock.now(), ids.next()).hyphenated().encode_lower(&mut buffer))
}

/// The trace context that came with a request, if it is well-formed and the only one.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    TraceContext::parse(line.to_str().ok()?)
}

/// What the client calls itself, cut to length and without control characters.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes());
    let is_plain = text.len() <= MAX_USER_AGENT && !text.chars().any(char::is_control);
    if is_plain {
        return Some(Arc::from(text.as_ref()));
    }
    let cut: String = text.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
    Some(Arc::from(cut))
}

/// The id as a header.
pub(crate) fn id_header(request_id: &str) -> HeaderValue {
    HeaderValue::from_str(request_id).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use denizen_kit::time::Timestamp;

    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        headers
    }

    #[test]
    fn a_plain_id_is_kept_and_any_other_replaced() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let ids = RequestIds::default();
        let id = |value: &str| request_id(&with("x-request-id", value), &clock, &ids).to_string();
        assert_eq!(id("abc-1.2_3"), "abc-1.2_3");
        for other in ["", "a b", "a/b", "ä", &"x".repeat(129)] {
            let made = id(other);
            assert_eq!(made.len(), 36, "{other}");
            assert!(made.starts_with("00000000-0000-7"), "{made}");
            assert_ne!(made, id(other));
        }
    }

    #[test]
    fn a_trace_counts_when_it_is_well_formed_and_alone() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut headers = with("traceparent", good);
        assert_eq!(trace(&headers), TraceContext::parse(good));
        assert!(trace(&headers).is_some());
        assert_eq!(trace(&with("traceparent", "mine")), None);
        assert_eq!(trace(&HeaderMap::new()), None);
        headers.append(TRACEPARENT, HeaderValue::from_static(good));
        assert_eq!(trace(&headers), None);
    }

    #[test]
    fn a_long_user_agent_is_cut() {
        let long = "é".repeat(1_000);
        assert_eq!(user_agent(&with("user-agent", &long)).unwrap().chars().count(), 256);
    }
}
