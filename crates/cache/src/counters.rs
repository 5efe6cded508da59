//! Counters and rate limits in memory: a bounded number of keys, spread over locks.
//!
//! Keys are kept as keyed hashes, so a key costs the same however long it is. A full shard forgets the keys that
//! would be at rest soonest: a flood of fresh keys cannot push out the one that is locked for an hour.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limit::{Quota, Verdict};

/// How many locks share the keys.
const SHARDS: usize = 64;

/// How many keys a shard holds at most; with [`SHARDS`] that is 131,072 keys in about 6 MiB.
const KEYS: usize = 2048;

/// What a key is for: the same text may name a counter and a limit.
#[derive(Clone, Copy, Hash)]
enum Use {
    Count,
    Limit,
}

/// The state of one key.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// When it is at rest, in microseconds since the start.
    until: u64,
    /// How many were counted; limits do without.
    count: u64,
}

/// All keys.
pub(crate) struct Counters {
    start: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<u64, Slot>>>,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { start: Instant::now(), hasher: RandomState::new(), shards }
    }

    /// Microseconds since the start, on the monotonic clock.
    pub(crate) fn now(&self) -> u64 {
        micros(self.start.elapsed())
    }

    /// Decides on one more by GCRA.
    pub(crate) fn limit(&self, key: &str, quota: &Quota) -> Verdict {
        let now = self.now();
        self.with(Use::Limit, key, now, |slot| {
            let (ahead, verdict) = quota.decide(slot.until.saturating_sub(now));
            slot.until = now + ahead;
            verdict
        })
    }

    /// The refusal that is due already by what is known here, if any. Changes nothing.
    pub(crate) fn refusal(&self, key: &str, quota: &Quota) -> Option<Verdict> {
        let now = self.now();
        let ahead = self.peek(Use::Limit, key)?.until.saturating_sub(now);
        let (_, verdict) = quota.decide(ahead);
        (!verdict.allowed).then_some(verdict)
    }

    /// How far ahead the key is known to be at time `at`, in microseconds.
    pub(crate) fn ahead(&self, key: &str, at: u64) -> u64 {
        self.peek(Use::Limit, key).map_or(0, |slot| slot.until.saturating_sub(at))
    }

    /// Notes that at time `at` the key was `ahead` microseconds ahead elsewhere.
    pub(crate) fn learn_limit(&self, key: &str, at: u64, ahead: u64) {
        self.with(Use::Limit, key, at, |slot| slot.until = slot.until.max(at.saturating_add(ahead)));
    }

    /// Counts one more in the window that the first count opened.
    pub(crate) fn count(&self, key: &str, window: Duration) -> u64 {
        let now = self.now();
        self.with(Use::Count, key, now, |slot| {
            if slot.until <= now {
                *slot = Slot { until: now.saturating_add(micros(window)), count: 0 };
            }
            slot.count += 1;
            slot.count
        })
    }

    /// Notes that elsewhere the count is `count`, in a window that has `left` microseconds left.
    pub(crate) fn learn_count(&self, key: &str, count: u64, left: u64) {
        let now = self.now();
        self.with(Use::Count, key, now, |slot| {
            if slot.until <= now {
                *slot = Slot { until: now.saturating_add(left), count };
            }
            slot.count = slot.count.max(count);
        });
    }

    fn peek(&self, purpose: Use, key: &str) -> Option<Slot> {
        let hash = self.hasher.hash_one((purpose, key));
        let shard = self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner);
        shard.get(&hash).copied()
    }

    fn with<T>(&self, purpose: Use, key: &str, now: u64, change: impl FnOnce(&mut Slot) -> T) -> T {
        let hash = self.hasher.hash_one((purpose, key));
        let mut shard = self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = shard.get_mut(&hash) {
            return change(slot);
        }
        if shard.len() >= KEYS {
            make_room(&mut shard, now);
        }
        change(shard.entry(hash).or_default())
    }

    fn shard(&self, hash: u64) -> &Mutex<HashMap<u64, Slot>> {
        // The map within takes other bits of the hash, mixed once more.
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        &self.shards[index]
    }
}

/// Drops the keys at rest and, if that is not enough, the half that would be at rest soonest.
fn make_room(shard: &mut HashMap<u64, Slot>, now: u64) {
    shard.retain(|_, slot| slot.until > now);
    if shard.len() <= KEYS / 2 {
        return;
    }
    let mut ends: Vec<u64> = shard.values().map(|slot| slot.until).collect();
    let (_, &mut median, _) = ends.select_nth_unstable(KEYS / 2);
    shard.retain(|_, slot| slot.until > median);
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn limits_follow_the_clock() {
        let counters = Counters::new();
        let quota = quota("2/10s");
        assert!(counters.limit("a", &quota).allowed);
        assert!(counters.limit("a", &quota).allowed);
        let refused = counters.limit("a", &quota);
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, Duration::from_secs(5));
        assert!(counters.limit("b", &quota).allowed, "another key has its own");
        advance(refused.retry_after).await;
        assert!(counters.limit("a", &quota).allowed);
        assert!(!counters.limit("a", &quota).allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn counts_begin_anew_with_each_window() {
        let counters = Counters::new();
        let window = Duration::from_secs(60);
        assert_eq!(counters.count("a", window), 1);
        advance(Duration::from_secs(59)).await;
        assert_eq!(counters.count("a", window), 2);
        assert_eq!(counters.count("b", window), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(counters.count("a", window), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_learnt_goes_on_here() {
        let counters = Counters::new();
        let quota = quota("3/30s");
        counters.learn_limit("a", counters.now(), 20_000_000);
        assert!(counters.refusal("a", &quota).is_none());
        assert!(counters.limit("a", &quota).allowed);
        assert!(!counters.limit("a", &quota).allowed);
        assert!(counters.refusal("a", &quota).is_some());
        counters.learn_count("c", 7, 60_000_000);
        assert_eq!(counters.count("c", Duration::from_secs(1)), 8);
        advance(Duration::from_secs(61)).await;
        assert_eq!(counters.count("c", Duration::from_secs(1)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_keys_is_bounded_and_does_not_free_the_one_that_is_refused() {
        let counters = Counters::new();
        let strict = quota("5/1h");
        while counters.limit("locked", &strict).allowed {}
        let ordinary = quota("600/1m");
        for index in 0..3 * SHARDS * KEYS {
            counters.limit(&index.to_string(), &ordinary);
        }
        let held: usize = counters.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held <= SHARDS * KEYS, "{held}");
        assert!(!counters.limit("locked", &strict).allowed);
    }

    #[test]
    fn a_burst_is_exact_under_many_threads() {
        let counters = Counters::new();
        let quota = quota("100/1h");
        let passed: usize = std::thread::scope(|scope| {
            let work = || (0..100).filter(|_| counters.limit("a", &quota).allowed).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }
}
