//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and the refusal that has them.
//!
//! A quota with a burst of its own is two policies: so many in a window, and so many at once. What is left is said of
//! the burst, for that is what a client runs into first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use denizen_cache::{Quota, Verdict};
use denizen_kit::problem::{Code, Problem};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::faces::failure::Failure;

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A quota with the name that clients see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy<'a> {
    pub(super) name: &'a str,
    pub(super) quota: &'a Quota,
}

/// What the answer to a request that was counted says of a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the request was beyond a limit that only observes.
    pub(crate) is_beyond: bool,
}

/// Whether a request was beyond a limit that only observes: for the access log. Clones are of the same request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed(Arc<AtomicBool>);

// === impl Policy ===

impl Policy<'_> {
    /// `"orders";q=100;w=60, "orders-burst";q=20;w=12`.
    pub(super) fn policy_field(&self) -> String {
        let Quota { limit, window, burst } = *self.quota;
        let rate = format!("\"{}\";q={limit};w={}", self.name, whole_seconds(window));
        if burst == limit {
            return rate;
        }
        let refill = window.saturating_mul(burst.max(1)) / limit.max(1);
        format!("{rate}, \"{}-burst\";q={burst};w={}", self.name, whole_seconds(refill))
    }

    /// `"orders-burst";r=3;t=12`: how many more may come now, and in how many seconds all may again; when none may, in
    /// how many seconds one may.
    pub(super) fn state_field(&self, verdict: &Verdict) -> String {
        let suffix = if self.quota.burst == self.quota.limit { "" } else { "-burst" };
        let wait = if verdict.allowed { verdict.reset_after } else { verdict.retry_after };
        format!("\"{}{suffix}\";r={};t={}", self.name, verdict.remaining, whole_seconds(wait))
    }

    /// The refusal of one more.
    pub(super) fn refusal(&self, verdict: &Verdict) -> Failure {
        let problem = Problem::of(Code::RateLimited).retry_in(verdict.retry_after);
        let mut failure = Failure::from(problem);
        let fields = [(RATE_LIMIT_POLICY, self.policy_field()), (RATE_LIMIT, self.state_field(verdict))];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::try_from(value) {
                failure = failure.with_header(name, value);
            }
        }
        failure
    }
}

// === impl Fields ===

impl Fields {
    /// Tells the client, beside what other limits have said. What a limit only observes is not told.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
    }

    /// Tells a client whose request failed.
    pub(crate) fn add_to_failure(&self, failure: Failure) -> Failure {
        let headers = self.headers.iter().cloned();
        headers.fold(failure, |failure, (name, value)| failure.with_header(name, value))
    }
}

// === impl Observed ===

impl Observed {
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Seconds, rounded up: nobody is told to come too early.
fn whole_seconds(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(allowed: bool, remaining: u32) -> Verdict {
        let wait = Duration::from_millis(1_200);
        let retry_after = if allowed { Duration::ZERO } else { wait };
        Verdict { allowed, limit: 20, remaining, retry_after, reset_after: 4 * wait }
    }

    #[test]
    fn a_burst_is_a_policy_of_its_own() {
        let quota: Quota = "100/1m burst 20".parse().unwrap();
        let policy = Policy { name: "orders", quota: &quota };
        assert_eq!(policy.policy_field(), "\"orders\";q=100;w=60, \"orders-burst\";q=20;w=12");
        assert_eq!(policy.state_field(&verdict(true, 3)), "\"orders-burst\";r=3;t=5");
        assert_eq!(policy.state_field(&verdict(false, 0)), "\"orders-burst\";r=0;t=2");
        let quota: Quota = "100/1m".parse().unwrap();
        let policy = Policy { name: "orders", quota: &quota };
        assert_eq!(policy.policy_field(), "\"orders\";q=100;w=60");
        assert_eq!(policy.state_field(&verdict(true, 3)), "\"orders\";r=3;t=5");
    }
}
