//! [`Flight`]: one request to one target, from the choice of the target to the end of the answer's body, and what
//! its outcome means for the target and the cluster.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::breaker::Pass;
use super::inner::Inner;
use super::target::Target;

/// One request to one target.
pub(crate) struct Flight {
    inner: Arc<Inner>,
    target: Arc<Target>,
    started: Instant,
    pass: Pass,
    has_told: bool,
}

/// How a request went, as far as its target is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It answered.
    Answered,
    /// It answered that it cannot answer now; not held against its health.
    Refused(Option<Duration>),
    /// It did not answer, or only that it cannot work.
    Failed(Option<Duration>),
}

// === impl Flight ===

impl Flight {
    pub(crate) fn begin(inner: &Arc<Inner>, target: &Arc<Target>, pass: Pass, now: Instant) -> Self {
        target.begin();
        Self { inner: inner.clone(), target: target.clone(), started: now, pass, has_told: false }
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The target has answered or failed.
    pub(crate) fn tell(&mut self, outcome: Outcome) {
        self.has_told = true;
        let now = Instant::now();
        let took = now.saturating_duration_since(self.started);
        match outcome {
            Outcome::Answered => self.target.latency.sample(took, now),
            Outcome::Refused(wait) | Outcome::Failed(wait) => self.target.latency.penalise(took, wait, now),
        }
        let is_failure = matches!(outcome, Outcome::Failed(_));
        if is_failure {
            self.target.failures.fetch_add(1, Ordering::Relaxed);
            self.inner.note_failure(&self.target, now);
        } else {
            self.target.standing.succeed();
        }
        self.inner.record(self.pass, !is_failure, now);
    }

    /// The answer broke after its head.
    pub(crate) fn broke(&mut self) {
        let now = Instant::now();
        self.target.failures.fetch_add(1, Ordering::Relaxed);
        self.inner.note_failure(&self.target, now);
        self.inner.record(Pass::Normal, false, now);
    }

    /// Nothing can be said of the target: the client went, or its body broke.
    pub(crate) fn forget(mut self) {
        self.has_told = true;
        self.inner.release(self.pass);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.target.end();
        if !self.has_told {
            // The client has gone. How long it waited still tells something (tower's peak-EWMA does the same).
            let now = Instant::now();
            self.target.latency.sample(now.saturating_duration_since(self.started), now);
            self.inner.release(self.pass);
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// What the head of an answer says of its target.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        match status.as_u16() {
            502..=504 => Self::Failed(retry_after(headers)),
            429 | 500 | 501 | 505..=599 => Self::Refused(retry_after(headers)),
            // A gRPC answer that is only trailers has its status in the head; 14 is UNAVAILABLE.
            200 if headers.get("grpc-status").is_some_and(|status| status == "14") => Self::Failed(None),
            _ => Self::Answered,
        }
    }
}

/// The seconds of `Retry-After`. A date is not read: it would need the target's clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
