//! One fetch for all who ask for the same at the same time.
//!
//! Who comes first leads: a task of its own fetches, so that a leader who leaves stops nothing. Who comes while it is
//! under way waits for what comes of it, but not longer than the time limit after it began: then a fetch that hangs is
//! left behind and the next one leads anew.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::entry::Entry;
use super::key::Place;
use crate::faces::failure::Failure;

/// How long it is remembered that answers to a key are not to be shared, so that nobody waits for one.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How many such keys are remembered.
const MOST_REMEMBERED: usize = 16 << 10;

/// What came of a fetch, for those who waited.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// An answer that is fresh and may be shared.
    Answer(Arc<Entry>),
    /// Nothing for others: each must ask by themselves.
    NotShared,
    /// The upstream failed; with the failure, if it would be the same for others.
    Failed(Option<Failure>),
}

/// All fetches under way.
#[derive(Debug)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<Place, Flight>>,
    count: AtomicU64,
    not_shared: Cache<u64, Instant>,
    hasher: RandomState,
    patience: Duration,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    gives_up: Instant,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// What one who comes is to do.
#[derive(Debug)]
pub(super) enum Seat {
    /// Fetch, for all.
    Lead(Lead),
    /// Wait for who leads.
    Wait(Wait),
    /// Fetch, for oneself: answers to this key are not shared.
    Alone,
}

/// The duty to say what came of a fetch. Dropped, it says that there is nothing for others.
#[derive(Debug)]
pub(super) struct Lead {
    flights: Arc<Flights>,
    place: Place,
    number: u64,
    sender: watch::Sender<Option<Outcome>>,
}

/// A place among those who wait.
#[derive(Debug)]
pub(super) struct Wait {
    gives_up: Instant,
    outcome: watch::Receiver<Option<Outcome>>,
}

// === impl Flights ===

impl Flights {
    /// Nothing under way; who waits does so for `patience` at most.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            under_way: Mutex::default(),
            count: AtomicU64::new(0),
            not_shared: Cache::new(MOST_REMEMBERED),
            hasher: RandomState::new(),
            patience,
        })
    }

    pub(super) fn board(self: &Arc<Self>, place: &Place) -> Seat {
        if self.is_not_shared(place) {
            return Seat::Alone;
        }
        let now = Instant::now();
        let mut under_way = self.under_way();
        if let Some(flight) = under_way.get(place).filter(|flight| now < flight.gives_up) {
            return Seat::Wait(Wait { gives_up: flight.gives_up, outcome: flight.outcome.clone() });
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (sender, outcome) = watch::channel(None);
        under_way.insert(place.clone(), Flight { number, gives_up: now + self.patience, outcome });
        Seat::Lead(Lead { flights: self.clone(), place: place.clone(), number, sender })
    }

    /// Lets nobody wait any more for fetches that were under way: what they bring may be outdated.
    pub(super) fn detach(&self, is_chosen: impl Fn(&Place) -> bool) {
        self.under_way().retain(|place, _| !is_chosen(place));
    }

    /// Whether answers to this key were not to be shared a moment ago.
    pub(super) fn is_not_shared(&self, place: &Place) -> bool {
        self.not_shared.get(&self.hasher.hash_one(place)).is_some_and(|until| Instant::now() < until)
    }

    /// Remembers for a while that answers to this key are not shared.
    pub(super) fn remember_not_shared(&self, place: &Place) {
        self.not_shared.insert(self.hasher.hash_one(place), Instant::now() + REMEMBERED);
    }

    /// Forgets it, because one came that is.
    pub(super) fn forget_not_shared(&self, place: &Place) {
        self.not_shared.remove(&self.hasher.hash_one(place));
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Place, Flight>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lead ===

impl Lead {
    pub(super) fn finish(self, outcome: Outcome) {
        self.sender.send_replace(Some(outcome));
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut under_way = self.flights.under_way();
        if under_way.get(&self.place).is_some_and(|flight| flight.number == self.number) {
            under_way.remove(&self.place);
        }
    }
}

// === impl Wait ===

impl Wait {
    /// What came of it; nothing for others when the time limit has passed.
    pub(super) async fn outcome(mut self) -> Outcome {
        match timeout_at(self.gives_up, self.outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Outcome::NotShared),
            Ok(Err(_)) | Err(_) => Outcome::NotShared,
        }
    }
}
