//! What a route says of its answers: `cache = { ttl = "30s", … }`.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::config::parse_duration;
use http::HeaderName;
use serde::{Deserialize, Deserializer, de};

/// How many headers may tell answers apart.
pub(super) const MOST_VARY: usize = 16;

/// `cache` of a route, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CacheSpec {
    /// How long an answer is fresh, whatever it says itself; not if it forbids to be kept.
    #[serde(deserialize_with = "duration")]
    pub(crate) ttl: Option<Duration>,
    /// How long after that it is still sent while a new one is fetched (RFC 5861 §3).
    #[serde(deserialize_with = "duration")]
    pub(crate) stale_while_revalidate: Option<Duration>,
    /// How long after that it is still sent when the upstream fails (RFC 5861 §4).
    #[serde(deserialize_with = "duration")]
    pub(crate) stale_if_error: Option<Duration>,
    /// Headers of requests that tell answers apart, beside those that an answer's `Vary` names.
    pub(crate) vary: Vec<String>,
    /// The keys of the query that count; others are dropped before the upstream. None: all count.
    pub(crate) query: Option<Vec<String>>,
    /// Whether clients may ask for a new answer (`Cache-Control: no-cache`, `max-age=0`); unset means yes.
    pub(crate) clients_may_revalidate: Option<bool>,
    /// Whether cookies are taken off requests, so that they do not keep answers from being kept.
    pub(crate) strip_cookies: bool,
    /// Whether an answer without a time of its own is fresh for a tenth of its age (RFC 9111 §4.2.2).
    pub(crate) heuristics: bool,
}

/// The same, checked.
#[derive(Debug)]
pub(crate) struct CachePolicy {
    pub(super) route: Arc<str>,
    pub(super) ttl: Option<Duration>,
    pub(super) stale_while_revalidate: Option<Duration>,
    pub(super) stale_if_error: Option<Duration>,
    pub(super) vary: Vec<HeaderName>,
    pub(super) query: Option<Vec<String>>,
    pub(super) clients_may_revalidate: bool,
    pub(super) strip_cookies: bool,
    pub(super) heuristics: bool,
}

// === impl CachePolicy ===

impl CachePolicy {
    /// Checks what a route says. The error says which key to correct, and how.
    pub(crate) fn compile(route: &str, spec: &CacheSpec) -> Result<Self, String> {
        if spec.vary.len() > MOST_VARY {
            return Err(format!("cache.vary: at most {MOST_VARY} headers tell answers apart"));
        }
        let name = |text: &String| match text.as_str() {
            "*" => Err("cache.vary: \"*\" would keep nothing; leave `cache` out instead".to_owned()),
            text => HeaderName::try_from(text)
                .map_err(|_| format!("cache.vary: {text:?} is no name of a header, such as accept-language")),
        };
        Ok(Self {
            route: route.into(),
            ttl: spec.ttl,
            stale_while_revalidate: spec.stale_while_revalidate,
            stale_if_error: spec.stale_if_error,
            vary: spec.vary.iter().map(name).collect::<Result<_, _>>()?,
            query: spec.query.clone(),
            clients_may_revalidate: spec.clients_may_revalidate.unwrap_or(true),
            strip_cookies: spec.strip_cookies,
            heuristics: spec.heuristics,
        })
    }
}

/// A duration as in the settings: `"30s"`.
fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    text.map(|text| parse_duration(&text).map_err(de::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_read_as_routes_write_it() {
        let text = r#"{"ttl": "30s", "stale_while_revalidate": "1m", "vary": ["Accept-Language"], "query": ["page"]}"#;
        let spec: CacheSpec = serde_json::from_str(text).unwrap();
        let policy = CachePolicy::compile("orders", &spec).unwrap();
        assert_eq!(policy.ttl, Some(Duration::from_secs(30)));
        assert_eq!(policy.stale_while_revalidate, Some(Duration::from_secs(60)));
        assert_eq!(policy.vary, ["accept-language"]);
        assert!(policy.clients_may_revalidate && !policy.strip_cookies && !policy.heuristics);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in
            [(r#"{"ttl": "soon"}"#, "duration"), (r#"{"tll": "1s"}"#, "tll"), (r#"{"ttl": 30}"#, "string")]
        {
            let error = serde_json::from_str::<CacheSpec>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        for (vary, word) in [("a b", "cache.vary"), ("*", "leave `cache` out")] {
            let spec = CacheSpec { vary: vec![vary.to_owned()], ..CacheSpec::default() };
            assert!(CachePolicy::compile("r", &spec).unwrap_err().contains(word));
        }
    }
}
