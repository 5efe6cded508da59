//! [`Latency`]: how long a target takes to answer, leaning to the worst that was seen lately.
//!
//! Peak-EWMA as in Finagle and in tower (`load/peak_ewma.rs`): a slower sample replaces the estimate at once, a faster
//! one draws it down by an exponentially weighted mean, and silence lets it decay.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How quickly old samples lose weight (tower's and linkerd's default).
const DECAY: Duration = Duration::from_secs(10);

/// What a target is taken to need before it was asked, so that a cold one is not flooded (linkerd's default).
const UNKNOWN: Duration = Duration::from_millis(30);

/// What an answer that says "not now" is taken to have needed, unless it says when: failing fast must not look fast
/// (linkerd's load biaser).
const PENALTY: Duration = Duration::from_secs(5);

/// The longest penalty that an answer can ask for (linkerd's load biaser).
const MAX_PENALTY: Duration = Duration::from_secs(300);

/// An estimate of how long answers take.
#[derive(Debug)]
pub(crate) struct Latency(Mutex<Estimate>);

#[derive(Debug)]
struct Estimate {
    seconds: f64,
    at: Instant,
}

// === impl Latency ===

impl Latency {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Estimate { seconds: UNKNOWN.as_secs_f64(), at: now }))
    }

    /// An answer came, or was waited for in vain.
    pub(crate) fn sample(&self, took: Duration, now: Instant) {
        self.update(took, now);
    }

    /// A target refused to work, and perhaps said for how long.
    pub(crate) fn penalise(&self, took: Duration, retry_after: Option<Duration>, now: Instant) {
        let penalty = retry_after.unwrap_or(PENALTY).min(MAX_PENALTY);
        self.update(took.max(penalty), now);
    }

    /// The estimate in seconds.
    pub(crate) fn seconds(&self, now: Instant) -> f64 {
        self.update(Duration::ZERO, now)
    }

    fn update(&self, took: Duration, now: Instant) -> f64 {
        let mut estimate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = took.as_secs_f64();
        if sample >= estimate.seconds {
            estimate.seconds = sample;
        } else {
            let age = now.saturating_duration_since(estimate.at).as_secs_f64();
            let weight = (-age / DECAY.as_secs_f64()).exp();
            estimate.seconds = estimate.seconds * weight + sample * (1.0 - weight);
        }
        estimate.at = now;
        estimate.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn the_worst_counts_at_once_and_fades() {
        let start = Instant::now();
        let latency = Latency::new(start);
        latency.sample(ms(500), start);
        assert!((latency.seconds(start) - 0.5).abs() < 1e-9, "a peak replaces the estimate");
        latency.sample(ms(100), start + DECAY);
        let expected = 0.5 / std::f64::consts::E + 0.1 * (1.0 - 1.0 / std::f64::consts::E);
        assert!((latency.seconds(start + DECAY) - expected).abs() < 1e-9);
        assert!(latency.seconds(start + DECAY * 20) < 1e-3, "silence lets it decay");
    }

    #[tokio::test(start_paused = true)]
    async fn failing_fast_does_not_look_fast() {
        let start = Instant::now();
        let latency = Latency::new(start);
        latency.penalise(ms(1), None, start);
        assert!((latency.seconds(start) - 5.0).abs() < 1e-9);
        latency.penalise(ms(1), Some(Duration::from_secs(9_999)), start);
        assert!((latency.seconds(start) - 300.0).abs() < 1e-9);
    }
}
