//! The circuit breaker of a provider: after failures in a row that are the provider's, messages wait and only one at
//! a time is tried, until one goes through.
//!
//! It is one process's view and is not kept: after a start the first failures open it again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use denizen_kit::time::{Timestamp, after, elapsed};

/// When it opens, and how long it stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long until a message is tried again, and between any two such tries.
    pub pause: Duration,
}

/// The breaker of one provider.
#[derive(Debug)]
pub(crate) struct Breaker {
    rule: Rule,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Failures since the last success.
    failures: u32,
    /// While it is open: when the next message may be tried.
    next_try: Option<Timestamp>,
}

// === impl Breaker ===

impl Breaker {
    /// A closed breaker.
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, state: Mutex::default() }
    }

    /// How many of `most` messages may be tried now; when it is open, after which time one may be.
    pub(crate) fn room(&self, most: usize, now: Timestamp) -> Result<usize, Duration> {
        match self.state().next_try {
            None => Ok(most),
            Some(next) if next <= now => Ok(most.min(1)),
            Some(next) => Err(elapsed(now, next)),
        }
    }

    /// Begins a try; refused while it is open, but for one message after each pause.
    pub(crate) fn begin(&self, now: Timestamp) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.next_try {
            Some(next) if next > now => Err(elapsed(now, next)),
            Some(_) => {
                state.next_try = Some(after(now, self.rule.pause));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Notes that the provider answered.
    pub(crate) fn succeeded(&self) {
        let before = std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner));
        if before.next_try.is_some() {
            tracing::info!("the provider answers again; messages that waited go on");
        }
    }

    /// Notes a failure of the provider. While the breaker is open: how long messages wait.
    pub(crate) fn failed(&self, now: Timestamp) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures < self.rule.failures {
            return None;
        }
        if state.failures == self.rule.failures {
            tracing::warn!(failures = state.failures, "the provider is taken to be down; messages wait");
        }
        // The failure that opens it counts for its message; those after it only wait.
        let was_open = state.next_try.replace(after(now, self.rule.pause)).is_some();
        was_open.then_some(self.rule.pause)
    }

    /// Whether messages wait for the provider.
    pub(crate) fn is_open(&self) -> bool {
        self.state().next_try.is_some()
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn breaker() -> Breaker {
        Breaker::new(Rule { failures: 3, pause: Duration::from_secs(10) })
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let breaker = breaker();
        for _ in 0..10 {
            assert_eq!((breaker.failed(at(0)), breaker.failed(at(0))), (None, None));
            breaker.succeeded();
        }
        assert_eq!(breaker.room(4, at(0)), Ok(4));
        assert_eq!(
            [(); 3].map(|()| breaker.failed(at(0))),
            [None; 3],
            "each of these counts for its message"
        );
        assert!(breaker.is_open());
        assert_eq!(breaker.room(4, at(4)), Err(Duration::from_secs(6)));
        assert_eq!(breaker.begin(at(4)), Err(Duration::from_secs(6)));
    }

    #[test]
    fn one_message_is_tried_after_each_pause_until_one_goes_through() {
        let breaker = breaker();
        let _ = [(); 3].map(|()| breaker.failed(at(0)));
        assert_eq!(breaker.room(4, at(10)), Ok(1));
        assert_eq!(breaker.begin(at(10)), Ok(()));
        assert_eq!(breaker.begin(at(10)), Err(Duration::from_secs(10)), "the second one waits for the first");
        assert_eq!(breaker.failed(at(11)), Some(Duration::from_secs(10)), "the message waits, uncounted");
        assert_eq!(breaker.begin(at(20)), Err(Duration::from_secs(1)));
        assert_eq!(breaker.begin(at(21)), Ok(()));
        breaker.succeeded();
        assert_eq!((breaker.room(4, at(21)), breaker.is_open()), (Ok(4), false));
        assert_eq!(breaker.failed(at(22)), None, "counted anew");
    }
}
