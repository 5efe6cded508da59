//! One answer as it is kept.

use std::time::Duration;

use bytes::Bytes;
use denizen_kit::time::{Timestamp, elapsed};
use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::conditional::{opaque, read_tag};
use super::control::RequestControl;
use super::freshness::{Terms, format_date, has_credentials};
use super::key::variant;
use super::policy::CachePolicy;

/// What an entry costs in memory beside its texts, in bytes.
const OVERHEAD: usize = 512;

/// What a header costs in memory beside its texts, in bytes.
const HEADER_OVERHEAD: usize = 96;

/// How many tags an answer may have, and how long each may be; one with more is not kept, for it could not be purged.
const MOST_TAGS: usize = 64;
const LONGEST_TAG: usize = 256;

/// The tags of an answer, separated by spaces (Fastly's name) or by commas (Cloudflare's).
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// An answer that is kept.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) terms: Terms,
    /// When the request for it went out, and when the answer came.
    pub(super) asked: Timestamp,
    pub(super) received: Timestamp,
    /// How old it was when it came.
    pub(super) initial_age: Duration,
    /// The headers that it depends on, in order, and what the request said in them.
    pub(super) vary: Vec<HeaderName>,
    pub(super) variant: Box<[u8]>,
    pub(super) tags: Vec<Box<str>>,
}

/// How an entry may serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// As it is.
    Fresh,
    /// Stale, because the client takes it so.
    AcceptedStale,
    /// Stale, while a new one is fetched.
    WhileRevalidating,
    /// Only after the upstream has said that it still holds.
    AfterValidation,
}

// === impl Entry ===

impl Entry {
    /// How old it is.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        self.initial_age + elapsed(self.received, now)
    }

    /// How long it has been stale; zero while it is fresh.
    fn staleness(&self, now: Timestamp) -> Duration {
        self.age(now).saturating_sub(self.terms.lifetime)
    }

    /// Seconds that it is fresh for; less than zero when it is stale (RFC 9211 §2.7).
    pub(super) fn ttl(&self, now: Timestamp) -> i64 {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        seconds(self.terms.lifetime).saturating_sub(seconds(self.age(now)))
    }

    /// How long after `now` it may still be of use without asking the upstream.
    pub(super) fn useful_for(&self, now: Timestamp) -> Duration {
        let stale = self.terms.stale_while_revalidate.max(self.terms.stale_if_error);
        let stale = if self.terms.never_stale { Duration::ZERO } else { stale };
        (self.terms.lifetime + stale).saturating_sub(self.age(now))
    }

    /// Whether the request may have it at all: it says the same in the headers that count, and its credentials, if
    /// any, are in the key or the answer is for everybody.
    pub(super) fn suits(&self, request: &HeaderMap, policy: &CachePolicy, has_principal: bool) -> bool {
        let is_allowed = has_principal || self.terms.is_open || !has_credentials(request, policy, &self.vary);
        is_allowed && *variant(&self.vary, request) == *self.variant
    }

    /// Whether others may get it without asking the upstream.
    pub(super) fn is_shareable(&self, now: Timestamp) -> bool {
        self.usage(&RequestControl::default(), now) != Use::AfterValidation
    }

    /// How it may serve a client who asks like this (RFC 9111 §4.2, §5.2.1).
    pub(super) fn usage(&self, control: &RequestControl, now: Timestamp) -> Use {
        let age = self.age(now);
        let is_too_old = control.max_age.is_some_and(|most| age > most || most.is_zero());
        if self.terms.always_validate || control.no_cache || is_too_old {
            return Use::AfterValidation;
        }
        let left = self.terms.lifetime.saturating_sub(age);
        if !left.is_zero() {
            let is_fresh_enough = control.min_fresh.is_none_or(|least| left >= least);
            return if is_fresh_enough { Use::Fresh } else { Use::AfterValidation };
        }
        let staleness = self.staleness(now);
        if self.terms.never_stale || control.min_fresh.is_some() {
            return Use::AfterValidation;
        }
        if control.max_stale.is_some_and(|most| staleness <= most) {
            return Use::AcceptedStale;
        }
        if control.max_age.is_none() && staleness < self.terms.stale_while_revalidate {
            return Use::WhileRevalidating;
        }
        Use::AfterValidation
    }

    /// Whether it may be sent because the upstream fails.
    pub(super) fn may_hide_error(&self, control: &RequestControl, now: Timestamp) -> bool {
        let most = self.terms.stale_if_error.max(control.stale_if_error.unwrap_or_default());
        let may_be_stale = !self.terms.never_stale && !self.terms.always_validate;
        may_be_stale && self.staleness(now) < most
    }

    /// Whether an answer "not modified" is about this one (RFC 9111 §4.3.4).
    pub(super) fn is_confirmed_by(&self, answer: &HeaderMap) -> bool {
        let tag = |headers: &HeaderMap| headers.get(ETAG).and_then(|value| read_tag(value.as_bytes()));
        match (tag(answer), tag(&self.headers)) {
            (Some(new), Some(old)) => opaque(&new) == opaque(&old),
            (Some(_), None) => false,
            (None, _) => match answer.get(LAST_MODIFIED) {
                Some(new) => self.headers.get(LAST_MODIFIED).is_none_or(|old| old == new),
                None => true,
            },
        }
    }

    /// Its headers, with those that a "not modified" answer has brought (RFC 9111 §3.2).
    pub(super) fn merged_headers(&self, answer: &HeaderMap, received: Timestamp) -> HeaderMap {
        let kept = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE];
        let mut headers = self.headers.clone();
        let fresh = storable_headers(answer, received);
        // An age is of one answer: the old one's must not go on.
        headers.remove(AGE);
        for name in fresh.keys().filter(|name| !kept.contains(name)) {
            headers.remove(name);
            for value in fresh.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        headers
    }

    /// What it takes in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize =
            headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD).sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + size_of::<Box<str>>()).sum();
        OVERHEAD + headers + tags + self.body.len() + self.variant.len()
    }
}

/// The tags of an answer; none when it has too many to be kept.
pub(super) fn tags(headers: &HeaderMap) -> Option<Vec<Box<str>>> {
    let mut tags = Vec::new();
    for (name, separator) in [(SURROGATE_KEY, ' '), (CACHE_TAG, ',')] {
        for value in headers.get_all(name) {
            for tag in value.to_str().ok()?.split(separator).map(str::trim).filter(|tag| !tag.is_empty()) {
                if tag.len() > LONGEST_TAG || tags.len() == MOST_TAGS {
                    return None;
                }
                tags.push(tag.into());
            }
        }
    }
    Some(tags)
}

/// Takes the tags off an answer on its way to a client.
pub(super) fn strip_tags(headers: &mut HeaderMap) {
    headers.remove(SURROGATE_KEY);
    headers.remove(CACHE_TAG);
}

/// The headers of an answer as they are kept: copied, so that they do not hold the buffer they were read into, without
/// those of the connection (RFC 9111 §3.1), and with a date.
pub(super) fn storable_headers(answer: &HeaderMap, received: Timestamp) -> HeaderMap {
    let nominated: Vec<HeaderName> = answer
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let mut headers = HeaderMap::with_capacity(answer.keys_len() + 2);
    for (name, value) in answer {
        if is_of_connection(name) || nominated.contains(name) {
            continue;
        }
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(name, copy);
        }
    }
    strip_tags(&mut headers);
    if !headers.contains_key(DATE)
        && let Ok(date) = HeaderValue::try_from(format_date(received))
    {
        headers.insert(DATE, date);
    }
    headers
}

fn is_of_connection(name: &HeaderName) -> bool {
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
        || name == "keep-alive"
        || name.as_str().starts_with("proxy-")
}
