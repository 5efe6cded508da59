//! [`Budget`]: retries are a share of the requests, so that they cannot multiply the load on a cluster that fails.
//!
//! As tower's `TpsBudget`: each request deposits, each retry withdraws, over a window of ten slots, and a few retries a
//! second are always allowed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::spec::BudgetSpec;

/// The window in which requests count (linkerd's and tower's default).
const WINDOW: Duration = Duration::from_secs(10);
const SLOTS: usize = 10;

/// What retries may be spent.
#[derive(Debug)]
pub(crate) struct Budget {
    spec: BudgetSpec,
    start: Instant,
    slots: Mutex<[Slot; SLOTS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which second since the start, plus one; 0: none yet.
    number: u64,
    requests: u32,
    retries: u32,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(spec: BudgetSpec, now: Instant) -> Self {
        Self { spec, start: now, slots: Mutex::default() }
    }

    /// A request that may be retried.
    pub(crate) fn deposit(&self, now: Instant) {
        self.with(now, |slots, index| slots[index].requests = slots[index].requests.saturating_add(1));
    }

    /// Takes one retry, if it can be spent.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        self.with(now, |slots, index| {
            let requests: f64 = slots.iter().map(|slot| f64::from(slot.requests)).sum();
            let retries: f64 = slots.iter().map(|slot| f64::from(slot.retries)).sum();
            let floor = f64::from(self.spec.floor) * WINDOW.as_secs_f64();
            let is_left = retries + 1.0 <= requests * self.spec.ratio + floor;
            if is_left {
                slots[index].retries = slots[index].retries.saturating_add(1);
            }
            is_left
        })
    }

    /// Works on the slots with those that left the window emptied; gives the index of the present one.
    fn with<T>(&self, now: Instant, work: impl FnOnce(&mut [Slot; SLOTS], usize) -> T) -> T {
        let number = now.saturating_duration_since(self.start).as_secs() + 1;
        let index = usize::try_from(number % SLOTS as u64).unwrap_or(0);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots[index].number != number {
            let oldest = (number + 1).saturating_sub(SLOTS as u64);
            for slot in slots.iter_mut().filter(|slot| slot.number < oldest) {
                *slot = Slot::default();
            }
            slots[index] = Slot { number, requests: 0, retries: 0 };
        }
        work(&mut slots, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(budget: &Budget, now: Instant) -> usize {
        (0..10_000).take_while(|_| budget.withdraw(now)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_and_a_floor() {
        let now = Instant::now();
        let budget = Budget::new(BudgetSpec { ratio: 0.1, floor: 1 }, now);
        assert_eq!(spent(&budget, now), 10, "the floor of ten seconds");
        for _ in 0..1_000 {
            budget.deposit(now);
        }
        assert_eq!(spent(&budget, now), 100);
        let later = now + Duration::from_secs(9);
        assert_eq!(spent(&budget, later), 0, "still in the window");
        assert_eq!(spent(&budget, now + Duration::from_secs(10)), 10, "all forgotten, the floor is back");
    }
}
