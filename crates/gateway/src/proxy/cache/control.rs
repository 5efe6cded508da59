//! `Cache-Control` of requests and answers (RFC 9111 §5.2), and the whole seconds in it.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// What a number of seconds that is too large counts as (RFC 9111 §1.2.2).
const MOST_SECONDS: u64 = 1 << 31;

/// The directives of a field, names in lower case.
#[derive(Debug, Default)]
struct Directives(Vec<(String, Option<String>)>);

/// What an answer says of its reuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a directive of the field")]
pub(super) struct AnswerControl {
    pub(super) is_there: bool,
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) private: bool,
    pub(super) public: bool,
    /// `must-revalidate` or `proxy-revalidate`.
    pub(super) must_revalidate: bool,
    pub(super) max_age: Option<Duration>,
    pub(super) s_maxage: Option<Duration>,
    pub(super) stale_while_revalidate: Option<Duration>,
    pub(super) stale_if_error: Option<Duration>,
}

/// What a client asks of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestControl {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<Duration>,
    pub(super) min_fresh: Option<Duration>,
    /// How stale an answer may be.
    pub(super) max_stale: Option<Duration>,
    pub(super) stale_if_error: Option<Duration>,
}

// === impl Directives ===

impl Directives {
    fn read(headers: &HeaderMap) -> Self {
        let mut directives = Vec::new();
        for value in headers.get_all(CACHE_CONTROL) {
            // Bytes beyond ASCII can stand in quoted arguments only, which are not looked at.
            let text = String::from_utf8_lossy(value.as_bytes());
            for item in split_outside_quotes(&text) {
                let (name, argument) = match item.split_once('=') {
                    Some((name, argument)) => {
                        (name.trim(), Some(argument.trim().trim_matches('"').to_owned()))
                    }
                    None => (item.trim(), None),
                };
                if !name.is_empty() {
                    directives.push((name.to_ascii_lowercase(), argument));
                }
            }
        }
        Self(directives)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(held, _)| held == name)
    }

    /// The seconds of a directive. Of several the smallest; what cannot be read is 0, so that it is stale.
    fn seconds(&self, name: &str) -> Option<Duration> {
        let held = self.0.iter().filter(|(held, _)| held == name);
        held.map(|(_, argument)| argument.as_deref().and_then(read_seconds).unwrap_or_default()).min()
    }
}

/// The items of a comma-separated list; commas in quoted strings do not count.
fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c: char| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && c == '\\' && !was_escaped;
        if c == '"' && !was_escaped {
            is_quoted = !is_quoted;
        }
        c == ',' && !is_quoted
    })
}

/// Delta seconds (RFC 9111 §1.2.2); none when it is no whole number.
pub(super) fn read_seconds(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(text.parse().unwrap_or(MOST_SECONDS).min(MOST_SECONDS)))
}

// === impl AnswerControl ===

impl AnswerControl {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let directives = Directives::read(headers);
        let has_pragma = !headers.contains_key(CACHE_CONTROL) && asks_pragma_no_cache(headers);
        Self {
            is_there: !directives.0.is_empty(),
            no_store: directives.has("no-store"),
            // With field names it means those fields only; taken for the whole answer it is stricter (§5.2.2.4).
            no_cache: directives.has("no-cache") || has_pragma,
            private: directives.has("private"),
            public: directives.has("public"),
            must_revalidate: directives.has("must-revalidate") || directives.has("proxy-revalidate"),
            max_age: directives.seconds("max-age"),
            s_maxage: directives.seconds("s-maxage"),
            stale_while_revalidate: directives.seconds("stale-while-revalidate"),
            stale_if_error: directives.seconds("stale-if-error"),
        }
    }

    /// Whether the answer says by itself that it is for everybody.
    pub(super) const fn is_open(&self) -> bool {
        (self.public || self.s_maxage.is_some()) && !self.private
    }
}

// === impl RequestControl ===

impl RequestControl {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let directives = Directives::read(headers);
        let has_pragma = !headers.contains_key(CACHE_CONTROL) && asks_pragma_no_cache(headers);
        let is_any_stale =
            directives.0.iter().any(|(name, argument)| name == "max-stale" && argument.is_none());
        let max_stale = directives.seconds("max-stale");
        Self {
            no_store: directives.has("no-store"),
            no_cache: directives.has("no-cache") || has_pragma,
            only_if_cached: directives.has("only-if-cached"),
            max_age: directives.seconds("max-age"),
            min_fresh: directives.seconds("min-fresh"),
            max_stale: if is_any_stale { Some(Duration::MAX) } else { max_stale },
            stale_if_error: directives.seconds("stale-if-error"),
        }
    }

    /// The same without what would send a request to the upstream that the cache could answer.
    pub(super) const fn without_force(self) -> Self {
        Self { no_store: false, no_cache: false, max_age: None, min_fresh: None, ..self }
    }
}

fn asks_pragma_no_cache(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PRAGMA).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case("no-cache"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, HeaderValue::try_from(*value).unwrap());
        }
        map
    }

    fn answer(text: &str) -> AnswerControl {
        AnswerControl::read(&headers(&[("cache-control", text)]))
    }

    #[test]
    fn names_have_no_case_and_quotes_hold_commas() {
        assert!(answer("No-Store").no_store);
        assert!(answer("PRIVATE=\"set-cookie, max-age=9\"").private);
        assert_eq!(answer("private=\"a, max-age=9\"").max_age, None);
        assert!(answer("private=\"a\\\", b\", public").public);
        assert_eq!(answer("Max-Age=\"60\"").max_age, Some(Duration::from_secs(60)));
        assert_eq!(answer(" , max-age=60 ,").max_age, Some(Duration::from_secs(60)));
        assert!(!answer("x-no-store, no-storey").no_store);
    }

    #[test]
    fn seconds_that_cannot_be_read_are_none_left_and_of_two_the_smaller_counts() {
        for bad in ["max-age=soon", "max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=+5"] {
            assert_eq!(answer(bad).max_age, Some(Duration::ZERO), "{bad}");
        }
        assert_eq!(answer("max-age=9, max-age=5").max_age, Some(Duration::from_secs(5)));
        assert_eq!(answer("max-age=99999999999999999999").max_age, Some(Duration::from_secs(1 << 31)));
    }

    #[test]
    fn pragma_counts_where_there_is_no_cache_control() {
        assert!(RequestControl::read(&headers(&[("pragma", "x, No-Cache")])).no_cache);
        let both = headers(&[("pragma", "no-cache"), ("cache-control", "max-age=5")]);
        assert!(!RequestControl::read(&both).no_cache);
    }

    #[test]
    fn a_client_may_take_any_stale_answer() {
        let read = |text: &str| RequestControl::read(&headers(&[("cache-control", text)])).max_stale;
        assert_eq!(read("max-stale"), Some(Duration::MAX));
        assert_eq!(read("max-stale=5"), Some(Duration::from_secs(5)));
        assert_eq!(read("max-age=5"), None);
    }
}
