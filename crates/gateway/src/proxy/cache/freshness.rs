//! Whether an answer may be kept, for whom, and how long it is fresh (RFC 9111 §3, §4.2; RFC 5861).

use std::time::{Duration, SystemTime};

use denizen_kit::time::{Timestamp, elapsed};
use http::header::{
    AGE, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, COOKIE, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE,
    VARY,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::control::{AnswerControl, RequestControl, read_seconds};
use super::policy::{CachePolicy, MOST_VARY};

/// The part of an answer's age that it is fresh for by heuristics, and at most how long (RFC 9111 §4.2.2).
const HEURISTIC_PART: u32 = 10;
const HEURISTIC_MOST: Duration = Duration::from_hours(24);

/// On what terms an answer is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// How long it is fresh, from when it was made.
    pub(super) lifetime: Duration,
    pub(super) stale_while_revalidate: Duration,
    pub(super) stale_if_error: Duration,
    /// Never sent without asking the upstream (`no-cache`).
    pub(super) always_validate: bool,
    /// Never sent when it is stale (`must-revalidate`).
    pub(super) never_stale: bool,
    /// For requests with credentials that the key does not hold, too (`public`, `s-maxage`).
    pub(super) is_open: bool,
}

/// What decides beside the answer itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    pub(super) policy: &'a CachePolicy,
    pub(super) request: &'a HeaderMap,
    pub(super) control: RequestControl,
    /// Whether the key holds who asks.
    pub(super) has_principal: bool,
    pub(super) received: Timestamp,
}

/// The terms on which an answer may be kept, or why it may not.
pub(super) fn terms(
    circumstances: &Circumstances<'_>,
    status: StatusCode,
    answer: &HeaderMap,
) -> Result<Terms, &'static str> {
    let control = AnswerControl::read(answer);
    check_storable(circumstances, status, answer, &control)?;
    let policy = circumstances.policy;
    let lifetime = lifetime(circumstances, status, answer, &control);
    let stale = |said: Option<Duration>, policy: Option<Duration>| said.or(policy).unwrap_or_default();
    let stale_while_revalidate = stale(control.stale_while_revalidate, policy.stale_while_revalidate);
    let may_validate = answer.contains_key(ETAG) || answer.contains_key(LAST_MODIFIED);
    let may_be_stale = !stale_while_revalidate.is_zero() && !control.must_revalidate;
    if lifetime.is_zero() && !(control.is_there && (may_validate || may_be_stale)) {
        return Err("it does not say how long it is fresh");
    }
    if control.no_cache && !may_validate {
        return Err("it must be validated and cannot be");
    }
    Ok(Terms {
        lifetime,
        stale_while_revalidate,
        stale_if_error: stale(control.stale_if_error, policy.stale_if_error),
        always_validate: control.no_cache,
        never_stale: control.must_revalidate,
        is_open: control.is_open(),
    })
}

fn check_storable(
    circumstances: &Circumstances<'_>,
    status: StatusCode,
    answer: &HeaderMap,
    control: &AnswerControl,
) -> Result<(), &'static str> {
    if circumstances.control.no_store || control.no_store {
        return Err("no-store");
    }
    if control.private && !circumstances.has_principal {
        return Err("private");
    }
    if answer.contains_key(SET_COOKIE) {
        return Err("it sets a cookie");
    }
    let is_part = status == StatusCode::PARTIAL_CONTENT || answer.contains_key(CONTENT_RANGE);
    if status.is_informational() || status == StatusCode::NOT_MODIFIED || is_part {
        return Err("it is no whole answer");
    }
    if is_stream(answer) {
        return Err("it is a stream");
    }
    let Some(names) = vary_names(answer) else { return Err("vary") };
    let has_foreign_credentials = !circumstances.has_principal
        && !control.is_open()
        && has_credentials(circumstances.request, circumstances.policy, &names);
    if has_foreign_credentials {
        return Err("the request has credentials");
    }
    Ok(())
}

/// Whether the request has credentials that neither the key nor these headers hold (RFC 9111 §3.5; cookies likewise).
pub(super) fn has_credentials(request: &HeaderMap, policy: &CachePolicy, vary: &[HeaderName]) -> bool {
    let has_cookie = request.contains_key(COOKIE) && !policy.strip_cookies;
    let is_cookie_told_apart = vary.contains(&COOKIE) || policy.vary.contains(&COOKIE);
    request.contains_key(AUTHORIZATION) || (has_cookie && !is_cookie_told_apart)
}

/// The headers that `Vary` names, in order and each once; none when nothing may be told apart by it (`*`, too many).
pub(super) fn vary_names(answer: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for value in answer.get_all(VARY) {
        for item in value.to_str().ok()?.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            if item == "*" {
                return None;
            }
            names.push(HeaderName::try_from(item).ok()?);
        }
    }
    names.sort_by(|left, right| left.as_str().cmp(right.as_str()));
    names.dedup();
    (names.len() <= MOST_VARY).then_some(names)
}

/// Streams have no end to wait for, and gRPC has its status behind the body.
fn is_stream(answer: &HeaderMap) -> bool {
    let text = answer.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "text/event-stream"
        || media_type == "multipart/x-mixed-replace"
        || media_type.starts_with("application/grpc")
}

/// Statuses that may be kept without a time of their own, where heuristics are on (RFC 9110 §15.1).
fn is_heuristic(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Statuses that the time of a route is for. What went wrong is kept only if the upstream says how long.
fn is_for_route(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308)
}

fn lifetime(
    circumstances: &Circumstances<'_>,
    status: StatusCode,
    answer: &HeaderMap,
    control: &AnswerControl,
) -> Duration {
    let policy = circumstances.policy;
    let may_be_set = !control.must_revalidate && !control.no_cache && !control.private;
    if let Some(ttl) = policy.ttl.filter(|_| may_be_set && is_for_route(status)) {
        // The time of the route begins here, however old the answer was when it came.
        return ttl + initial_age(answer, circumstances.received, Duration::ZERO);
    }
    if let Some(said) = control.s_maxage.or(control.max_age) {
        return said;
    }
    let date = date(answer, &DATE).unwrap_or(circumstances.received);
    if answer.contains_key(EXPIRES) {
        let expires = self::date(answer, &EXPIRES);
        return expires.map_or(Duration::ZERO, |expires| elapsed(date, expires));
    }
    match self::date(answer, &LAST_MODIFIED) {
        Some(modified) if policy.heuristics && is_heuristic(status) => {
            (elapsed(modified, date) / HEURISTIC_PART).min(HEURISTIC_MOST)
        }
        _ => Duration::ZERO,
    }
}

/// How old an answer was when it came (RFC 9111 §4.2.3); `delay` is how long the upstream took.
pub(super) fn initial_age(answer: &HeaderMap, received: Timestamp, delay: Duration) -> Duration {
    let apparent = date(answer, &DATE).map_or(Duration::ZERO, |date| elapsed(date, received));
    let text = answer.get(AGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let said = text.split(',').next().map(str::trim).and_then(read_seconds).unwrap_or_default();
    apparent.max(said + delay)
}

/// The date in a header. Of several headers the first counts; one that cannot be read is none.
pub(super) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

/// A date as HTTP writes it.
pub(super) fn format_date(at: Timestamp) -> String {
    httpdate::fmt_http_date(SystemTime::from(at).max(SystemTime::UNIX_EPOCH))
}
