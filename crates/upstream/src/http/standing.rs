//! [`Standing`]: whether a target takes requests, by its health checks and by how it did lately.
//!
//! A failed check is knowledge; an ejection after failed requests is a guess. So ejections are ignored when nobody else
//! is left, and failed checks never are.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::spec::PassiveSpec;

/// Whether a target takes requests.
#[derive(Debug)]
pub(crate) struct Standing {
    start: Instant,
    is_unhealthy: AtomicBool,
    /// Failed requests in a row.
    failures: AtomicU32,
    /// Milliseconds after `start` until which it is ejected; 0: it is not.
    ejected_until: AtomicU64,
    record: Mutex<Record>,
}

/// Its earlier ejections.
#[derive(Debug, Default)]
struct Record {
    /// How many count; one is forgotten for each `eject_for` that it did well since.
    count: u32,
    /// Milliseconds after `start` when the last one ended.
    last_end: u64,
}

// === impl Standing ===

impl Standing {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            start: now,
            is_unhealthy: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            record: Mutex::default(),
        }
    }

    /// Whether its last checks failed.
    pub(crate) fn is_unhealthy(&self) -> bool {
        self.is_unhealthy.load(Ordering::Relaxed)
    }

    /// Takes over what checks have found. One that is well again is not kept out for old failures.
    pub(crate) fn set_unhealthy(&self, is_unhealthy: bool) {
        self.is_unhealthy.store(is_unhealthy, Ordering::Relaxed);
        if !is_unhealthy {
            self.failures.store(0, Ordering::Relaxed);
            self.ejected_until.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_ejected(&self, now: Instant) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        until > 0 && self.millis(now) < until
    }

    /// A request went well.
    pub(crate) fn succeed(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// A request failed. True when it is one too many: [`Standing::eject`] may follow.
    pub(crate) fn fail(&self, spec: &PassiveSpec, now: Instant) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        failures >= spec.failures && !self.is_ejected(now)
    }

    /// Leaves it out for a while, longer each time (Envoy's outlier detection). Gives back for how long.
    pub(crate) fn eject(
        &self,
        spec: &PassiveSpec,
        now: Instant,
        jitter: impl Fn(Duration) -> Duration,
    ) -> Duration {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let base = spec.eject_for.max(Duration::from_millis(1));
        let well_since = self.millis(now).saturating_sub(record.last_end);
        let forgotten = Duration::from_millis(well_since).div_duration_f64(base);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count that is cut to its range"
        )]
        let forgotten = forgotten.min(f64::from(u32::MAX)) as u32;
        record.count = record.count.saturating_sub(forgotten).saturating_add(1);
        let time = jitter(base.saturating_mul(record.count).min(spec.eject_at_most));
        let until = self.millis(now + time).max(1);
        record.last_end = until;
        self.failures.store(0, Ordering::Relaxed);
        self.ejected_until.store(until, Ordering::Relaxed);
        time
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whether one more of `count` targets may be ejected when `ejected` are. One always may, where another is left.
#[expect(clippy::cast_precision_loss, reason = "nobody has so many targets")]
pub(crate) fn may_eject(ejected: usize, count: usize, share: f64) -> bool {
    count > 1 && (ejected == 0 || (ejected + 1) as f64 <= share * count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: PassiveSpec = PassiveSpec {
        failures: 3,
        eject_for: Duration::from_secs(10),
        eject_at_most: Duration::from_secs(25),
        max_ejected: 0.5,
    };

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_eject_longer_each_time() {
        let mut now = Instant::now();
        let standing = Standing::new(now);
        assert!(!standing.fail(&SPEC, now));
        standing.succeed();
        assert!(!standing.fail(&SPEC, now) && !standing.fail(&SPEC, now));
        assert!(standing.fail(&SPEC, now), "the third in a row");
        for seconds in [10, 20, 25, 25] {
            assert_eq!(standing.eject(&SPEC, now, |time| time).as_secs(), seconds);
            assert!(standing.is_ejected(now + Duration::from_secs(seconds) - Duration::from_millis(1)));
            now += Duration::from_secs(seconds);
            assert!(!standing.is_ejected(now));
        }
        now += Duration::from_secs(35);
        assert_eq!(standing.eject(&SPEC, now, |time| time).as_secs(), 20, "three of four are forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_check_ends_an_ejection() {
        let now = Instant::now();
        let standing = Standing::new(now);
        standing.eject(&SPEC, now, |time| time);
        standing.set_unhealthy(true);
        standing.set_unhealthy(false);
        assert!(!standing.is_ejected(now));
    }

    #[test]
    fn a_share_stays() {
        assert!(!may_eject(0, 1, 1.0), "the last one stays");
        assert!(may_eject(0, 2, 0.1), "one may always go");
        assert!(!may_eject(1, 3, 0.5) && may_eject(1, 4, 0.5));
    }
}
