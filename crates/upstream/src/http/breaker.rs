//! [`Breaker`]: spares a cluster that fails. Closed, it counts; open, it refuses; then exactly one request may try.
//!
//! Two rules open it: failures in a row, and too small a share of successes in a window of ten buckets with enough
//! requests in it (linkerd's unified breaker). A failure is a connection that was not made or broke, an answer that did not
//! come in time, 502, 503 or 504, and gRPC's UNAVAILABLE. A 500 is none: one bad request must not close a cluster to all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::spec::{BreakerSpec, RateRule};

/// Buckets of the window.
const BUCKETS: usize = 10;

/// The breaker of a cluster.
#[derive(Debug)]
pub(crate) struct Breaker {
    spec: BreakerSpec,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    in_a_row: u32,
    start: Instant,
    buckets: [Bucket; BUCKETS],
    opened: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Closed,
    Open { until: Instant },
    Probing,
}

/// The requests of a tenth of the window.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Which tenth since the start, plus one; 0: none yet.
    number: u64,
    good: u32,
    bad: u32,
}

/// Leave to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// As always.
    Normal,
    /// As the one that tries whether the cluster is well again.
    Probe,
}

/// What a breaker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests pass and are counted.
    Closed,
    /// Requests are refused.
    Open,
    /// One request tries; the others are refused.
    HalfOpen,
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new(spec: BreakerSpec, now: Instant) -> Self {
        let state = State {
            phase: Phase::Closed,
            in_a_row: 0,
            start: now,
            buckets: [Bucket::default(); BUCKETS],
            opened: 0,
        };
        Self { spec, state: Mutex::new(state) }
    }

    /// Leave to send a request, or how long there is none.
    pub(crate) fn admit(&self, now: Instant) -> Result<Pass, Duration> {
        let mut state = self.lock();
        match state.phase {
            Phase::Closed => Ok(Pass::Normal),
            Phase::Open { until } if now >= until => {
                state.phase = Phase::Probing;
                Ok(Pass::Probe)
            }
            Phase::Open { until } => Err(until - now),
            Phase::Probing => Err(self.spec.open_for),
        }
    }

    /// How a request went. True when that opened the breaker.
    pub(crate) fn record(&self, pass: Pass, is_good: bool, now: Instant) -> bool {
        let mut state = self.lock();
        match (pass, is_good) {
            (Pass::Probe, true) => state.close(now),
            (Pass::Probe, false) => return state.open(now + self.spec.open_for),
            // It opened while this request was under way.
            (Pass::Normal, _) if state.phase != Phase::Closed => {}
            (Pass::Normal, _) => {
                state.in_a_row = if is_good { 0 } else { state.in_a_row + 1 };
                let is_row_full = self.spec.failures > 0 && state.in_a_row >= self.spec.failures;
                let is_rate_low =
                    self.spec.rate.is_some_and(|rule| state.count(rule, is_good, now) && !is_good);
                if is_row_full || is_rate_low {
                    return state.open(now + self.spec.open_for);
                }
            }
        }
        false
    }

    /// A probe ended without telling anything, since its client went: the next may try.
    pub(crate) fn release(&self, pass: Pass, now: Instant) {
        let mut state = self.lock();
        if pass == Pass::Probe && state.phase == Phase::Probing {
            state.phase = Phase::Open { until: now };
        }
    }

    /// What it does, and how often it opened.
    pub(crate) fn status(&self, now: Instant) -> (BreakerState, u64) {
        let state = self.lock();
        let name = match state.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::Probing => BreakerState::HalfOpen,
        };
        (name, state.opened)
    }

    /// Whether requests under way should stop trying.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.lock().phase, Phase::Open { .. })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn open(&mut self, until: Instant) -> bool {
        self.phase = Phase::Open { until };
        self.opened += 1;
        true
    }

    fn close(&mut self, now: Instant) {
        self.phase = Phase::Closed;
        self.in_a_row = 0;
        self.start = now;
        self.buckets = [Bucket::default(); BUCKETS];
    }

    /// Counts a request in the window. True when the window has too few successes.
    fn count(&mut self, rule: RateRule, is_good: bool, now: Instant) -> bool {
        let width = (rule.window / 10).max(Duration::from_millis(1));
        let age = now.saturating_duration_since(self.start);
        let number = u64::try_from(age.as_nanos() / width.as_nanos()).unwrap_or(u64::MAX - 1) + 1;
        let index = usize::try_from(number % BUCKETS as u64).unwrap_or(0);
        let bucket = &mut self.buckets[index];
        if bucket.number != number {
            *bucket = Bucket { number, good: 0, bad: 0 };
        }
        if is_good {
            bucket.good += 1;
        } else {
            bucket.bad += 1;
        }
        let oldest = number.saturating_sub(BUCKETS as u64 - 1);
        let within = self.buckets.iter().filter(|bucket| bucket.number >= oldest.max(1));
        let (good, bad) = within.fold((0, 0), |(good, bad), bucket| (good + bucket.good, bad + bucket.bad));
        let all = good + bad;
        all >= rule.minimum.max(1) && f64::from(good) < rule.at_least * f64::from(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(failures: u32, rate: Option<RateRule>) -> (Breaker, Instant) {
        let now = Instant::now();
        (Breaker::new(BreakerSpec { failures, rate, open_for: SECOND * 10 }, now), now)
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let (breaker, now) = breaker(3, None);
        for is_good in [false, false, true, false, false] {
            assert!(!breaker.record(Pass::Normal, is_good, now));
        }
        assert!(breaker.record(Pass::Normal, false, now));
        assert_eq!(breaker.admit(now + SECOND), Err(SECOND * 9));
        assert!(!breaker.record(Pass::Normal, true, now), "a late answer does not close it");

        let then = now + SECOND * 10;
        assert_eq!(breaker.status(then).0, BreakerState::HalfOpen);
        assert_eq!(breaker.admit(then), Ok(Pass::Probe));
        assert!(breaker.admit(then).is_err(), "exactly one");
        assert!(breaker.record(Pass::Probe, false, then));
        assert_eq!(breaker.admit(then), Err(SECOND * 10));

        let later = then + SECOND * 10;
        assert_eq!(breaker.admit(later), Ok(Pass::Probe));
        breaker.release(Pass::Probe, later);
        assert_eq!(breaker.admit(later), Ok(Pass::Probe), "the first one's client had gone");
        breaker.record(Pass::Probe, true, later);
        assert_eq!(breaker.admit(later), Ok(Pass::Normal));
        assert_eq!(breaker.status(later), (BreakerState::Closed, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_low_share_of_successes_opens_it_once_there_are_enough() {
        let rule = RateRule { at_least: 0.5, window: SECOND * 10, minimum: 10 };
        let (breaker, now) = breaker(0, Some(rule));
        for count in 0..9 {
            assert!(!breaker.record(Pass::Normal, count % 3 == 0, now), "too few to tell");
        }
        assert!(breaker.record(Pass::Normal, false, now), "3 of 10");
    }

    #[tokio::test(start_paused = true)]
    async fn what_left_the_window_counts_no_more() {
        let rule = RateRule { at_least: 0.5, window: SECOND * 10, minimum: 10 };
        let (breaker, now) = breaker(0, Some(rule));
        for _ in 0..9 {
            breaker.record(Pass::Normal, false, now);
        }
        let later = now + SECOND * 10;
        for _ in 0..9 {
            assert!(!breaker.record(Pass::Normal, false, later), "nine of the window before are gone");
        }
        assert!(breaker.record(Pass::Normal, false, later));
    }
}
