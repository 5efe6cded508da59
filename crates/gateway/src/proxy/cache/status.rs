//! How the cache does: counters for metrics and the admin API.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::Counter;
use serde::Serialize;

/// What came of a request on a route with a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale: the client or the route takes it so, or the upstream fails.
    Stale,
    /// From the cache, after the upstream has said that it still holds.
    Revalidated,
    /// From a fetch that another began.
    Collapsed,
    /// From the upstream.
    Miss,
    /// From the upstream, because the request is none that a cache answers.
    Bypass,
}

const ALL: [(Served, &str); 6] = [
    (Served::Hit, "hit"),
    (Served::Stale, "stale"),
    (Served::Revalidated, "revalidated"),
    (Served::Collapsed, "collapsed"),
    (Served::Miss, "miss"),
    (Served::Bypass, "bypass"),
];

/// The counters.
#[derive(Debug)]
pub(super) struct Tally {
    served: [(AtomicU64, Counter); ALL.len()],
    pub(super) stored: AtomicU64,
    pub(super) shared: AtomicU64,
    pub(super) purged: AtomicU64,
}

/// How the cache does, for the admin API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// Answers, and names that tell answers apart, in memory.
    pub(crate) entries: usize,
    /// Bytes that they take, and may take.
    pub(crate) bytes: u64,
    pub(crate) capacity: u64,
    /// Whether answers are shared with other nodes.
    pub(crate) is_shared: bool,
    /// Requests, by what came of them, since the process began.
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) revalidated: u64,
    pub(crate) collapsed: u64,
    pub(crate) misses: u64,
    pub(crate) bypasses: u64,
    /// Answers that were kept, that were put where other nodes find them, and that were taken away by purges.
    pub(crate) stored: u64,
    pub(crate) shared: u64,
    pub(crate) purged: u64,
}

// === impl Tally ===

impl Tally {
    pub(super) fn new() -> Self {
        let counter = |result: &'static str| metrics::counter!("denizen_cache_requests_total", "cache" => "responses", "result" => result);
        Self {
            served: ALL.map(|(_, result)| (AtomicU64::new(0), counter(result))),
            stored: AtomicU64::new(0),
            shared: AtomicU64::new(0),
            purged: AtomicU64::new(0),
        }
    }

    pub(super) fn count(&self, served: Served) {
        let (count, counter) = &self.served[served as usize];
        count.fetch_add(1, Ordering::Relaxed);
        counter.increment(1);
    }

    /// The counters so far; what is in memory is for the store to say.
    pub(super) fn status(&self) -> Status {
        let served = |served: Served| self.served[served as usize].0.load(Ordering::Relaxed);
        Status {
            hits: served(Served::Hit),
            stale: served(Served::Stale),
            revalidated: served(Served::Revalidated),
            collapsed: served(Served::Collapsed),
            misses: served(Served::Miss),
            bypasses: served(Served::Bypass),
            stored: self.stored.load(Ordering::Relaxed),
            shared: self.shared.load(Ordering::Relaxed),
            purged: self.purged.load(Ordering::Relaxed),
            ..Status::default()
        }
    }
}
