//! The cache in this process's memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache as Values;
use tokio::time::Instant;

use crate::bell::Bell;
use crate::counters::Counters;
use crate::limit::{Quota, Verdict};

/// How many bytes values and their keys may take; the least recently used go first.
const BYTES: u64 = 64 << 20;

/// What an entry costs beside its key and value: measured at about 200 bytes.
const OVERHEAD: usize = 200;

/// The longest a value is kept: the clock cannot count further than some centuries.
pub(crate) const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// Values, counters and bells of one process. Clones share them.
#[derive(Clone)]
pub struct Memory {
    store: Arc<Store>,
}

struct Store {
    values: Values<String, Held>,
    counters: Counters,
    bell: Bell,
}

#[derive(Clone)]
struct Held {
    bytes: Arc<[u8]>,
    until: Instant,
    ttl: Duration,
}

/// Lets the store drop what has ended; reads do not rely on it.
struct Ending;

impl Expiry<String, Held> for Ending {
    fn expire_after_create(&self, _: &String, held: &Held, _: std::time::Instant) -> Option<Duration> {
        Some(held.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        held: &Held,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(held.ttl)
    }
}

// === impl Memory ===

impl Memory {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::holding(BYTES)
    }

    fn holding(bytes: u64) -> Self {
        let weigh = |key: &String, held: &Held| {
            u32::try_from(key.len() + held.bytes.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let values = Values::builder()
            .max_capacity(bytes)
            .weigher(weigh)
            .expire_after(Ending)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { store: Arc::new(Store { values, counters: Counters::new(), bell: Bell::default() }) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.store.values.get(key)?.alive()
    }

    pub(crate) fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        let ttl = ttl.min(LONGEST);
        let held = Held { bytes: value.into(), until: Instant::now() + ttl, ttl };
        self.store.values.insert(key.to_owned(), held);
    }

    pub(crate) fn delete(&self, key: &str) {
        self.store.values.invalidate(key);
    }

    pub(crate) fn take(&self, key: &str) -> Option<Vec<u8>> {
        self.store.values.remove(key)?.alive()
    }

    /// Forgets all values; counters go on.
    pub(crate) fn forget_values(&self) {
        self.store.values.invalidate_all();
    }

    pub(crate) fn count(&self, key: &str, window: Duration) -> u64 {
        self.store.counters.count(key, window)
    }

    pub(crate) fn limit(&self, key: &str, quota: &Quota) -> Verdict {
        self.store.counters.limit(key, quota)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.store.counters
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.store.bell
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("values", &self.store.values.entry_count()).finish()
    }
}

// === impl Held ===

impl Held {
    fn alive(&self) -> Option<Vec<u8>> {
        (Instant::now() < self.until).then(|| self.bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn values_end() {
        let memory = Memory::new();
        memory.set("a", b"1", Duration::from_secs(10));
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(memory.get("a"), Some(b"1".to_vec()));
        memory.set("a", b"2", Duration::from_secs(10));
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(memory.get("a"), Some(b"2".to_vec()), "a new value has its own time");
        advance(Duration::from_millis(1)).await;
        assert_eq!(memory.get("a"), None);
        assert_eq!(memory.take("a"), None);
        memory.set("for ever", b"1", Duration::MAX);
        assert!(memory.get("for ever").is_some());
    }

    #[test]
    fn bytes_are_bounded_and_new_values_stay() {
        let memory = Memory::holding(100_000);
        for index in 0..1000 {
            memory.set(&index.to_string(), &[0; 800], Duration::from_secs(60));
            assert!(memory.get(&index.to_string()).is_some(), "{index}");
        }
        memory.store.values.run_pending_tasks();
        assert!(memory.store.values.weighted_size() <= 100_000);
        assert!(memory.get("0").is_none());
    }
}
