//! The cache of answers: a shared cache as RFC 9111 says, in this process's memory, with an optional second level that
//! nodes share.
//!
//! `serve` is its door: it answers a request of a route that has a [`CachePolicy`] from what is kept, or fetches, or
//! passes on. What may be kept, for whom and how long is in `freshness` and `entry`; what an answer is kept under in
//! `key`; fetches that several wait for in `flight`; a trip to the upstream in `errand` and `fill`; what takes
//! answers away in `purge`.

mod body;
mod change;
mod conditional;
mod control;
mod entry;
mod errand;
mod fill;
mod flight;
mod follow;
mod freshness;
mod key;
mod memory;
mod policy;
mod purge;
mod respond;
mod serve;
mod shared;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use denizen_cache::Cache;
use denizen_kit::config::Settings;
use denizen_kit::seal;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use http::{HeaderMap, HeaderName};

pub(crate) use errand::Fetch;
pub(crate) use key::Lookup;
pub(crate) use policy::{CachePolicy, CacheSpec};
pub(crate) use purge::Purge;
pub(crate) use status::Status;

use entry::Entry;
use flight::Flights;
use key::{Key, Place};
use memory::{LARGEST_SHARE, Memory};
use purge::Purges;
use shared::Shared;
use status::Tally;

/// The bell by which nodes tell each other of purges.
const BELL: &str = "gateway.cache";

/// Settings of the cache of answers.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How many bytes answers take in memory.
    pub memory: u64,
    /// The largest answer that is kept, in bytes.
    pub max_entry: u64,
    /// Whether nodes share answers on the server of `cache_url`.
    pub shared: bool,
    /// How long a request waits for another's fetch.
    pub patience: Duration,
}

/// The answers of a process. Clones share them.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Clock,
    cache: Cache,
    tasks: Tasks,
    memory: Memory,
    shared: Option<Shared>,
    flights: Arc<Flights>,
    purges: Mutex<Purges>,
    tally: Tally,
    /// Tells the own rings of the bell from those of others.
    node: [u8; 8],
}

// === impl Config ===

impl Config {
    /// Reads the settings.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let config = Self {
            memory: settings.size("gateway.cache.memory", "64MiB", "how much memory kept answers take"),
            max_entry: settings.size("gateway.cache.max_entry", "1MiB", "the largest answer that is kept"),
            shared: settings.value(
                "gateway.cache.shared",
                "false",
                "whether nodes share answers that are for everybody, on the server of cache_url",
            ),
            patience: settings.duration(
                "gateway.cache.wait",
                "5s",
                "how long a request waits for the fetch of another that asked for the same",
            ),
        };
        if config.max_entry > config.memory / LARGEST_SHARE {
            settings.mistake(format!(
                "gateway.cache.max_entry may be an eighth of gateway.cache.memory at most; write {} or less, or more memory",
                config.memory / LARGEST_SHARE
            ));
        }
        config
    }
}

// === impl Store ===

impl Store {
    /// Nothing yet. Fetches that several wait for run among these tasks.
    pub(crate) fn new(config: Config, cache: &Cache, clock: &Clock, tasks: &Tasks) -> Self {
        let mut node = [0; 8];
        seal::random(&mut node);
        Self(Arc::new(Inner {
            config,
            clock: clock.clone(),
            cache: cache.clone(),
            tasks: tasks.clone(),
            memory: Memory::new(config.memory),
            shared: if config.shared { Shared::new(cache) } else { None },
            flights: Flights::new(config.patience),
            purges: Mutex::default(),
            tally: Tally::new(),
            node,
        }))
    }

    /// How the cache does.
    pub(crate) fn status(&self) -> Status {
        let (entries, bytes) = self.0.memory.size();
        let (capacity, is_shared) = (self.0.memory.capacity(), self.0.shared.is_some());
        Status { entries, bytes, capacity, is_shared, ..self.0.tally.status() }
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    fn flights(&self) -> &Arc<Flights> {
        &self.0.flights
    }

    fn max_entry(&self) -> usize {
        usize::try_from(self.0.config.max_entry).unwrap_or(usize::MAX)
    }

    fn purges(&self) -> MutexGuard<'_, Purges> {
        self.0.purges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn purge_count(&self) -> u64 {
        self.purges().count()
    }

    fn names(&self, key: &Arc<Key>, of_answer: Vec<HeaderName>) -> Vec<HeaderName> {
        self.0.memory.names(key, of_answer)
    }

    fn remove(&self, place: &Place) {
        self.0.memory.remove(place);
    }

    /// Where an answer to such a request is kept, or would be, and the answer from either level.
    async fn find(&self, key: &Arc<Key>, request: &HeaderMap) -> (Place, Option<Arc<Entry>>) {
        let found = self.0.memory.find(key, request);
        let (None, Some(shared)) = (&found.1, &self.0.shared) else { return found };
        if self.flights().is_not_shared(&found.0) {
            return found;
        }
        let purges = self.purge_count();
        if let Some(entry) = shared.find(key, request).await {
            self.put(key, &Arc::new(entry), purges);
        }
        self.0.memory.find(key, request)
    }

    /// Keeps an answer in memory. Whether it is kept: not if a purge has met it since `purges`.
    fn keep(&self, key: &Arc<Key>, entry: &Arc<Entry>, purges: u64) -> bool {
        let is_kept = self.put(key, entry, purges);
        self.0.tally.stored.fetch_add(u64::from(is_kept), Ordering::Relaxed);
        is_kept
    }

    /// Puts an answer that is kept where other nodes find it, if they may.
    async fn share(&self, key: &Key, entry: &Entry) {
        let Some(shared) = &self.0.shared else { return };
        let is_shared = shared.put(key, entry, self.now()).await;
        self.0.tally.shared.fetch_add(u64::from(is_shared), Ordering::Relaxed);
    }

    fn put(&self, key: &Arc<Key>, entry: &Arc<Entry>, purges: u64) -> bool {
        // One lock for the look and the change: no purge can come between them.
        let since = self.purges();
        let is_met = since.met_since(purges, key, &entry.tags);
        if !is_met {
            self.0.memory.put(key, entry.clone());
        }
        !is_met
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("status", &self.status()).finish_non_exhaustive()
    }
}
