//! Answers in this process's memory, bounded in bytes; what is used least goes first.
//!
//! Under a key alone stands its one answer, or the names of the headers that tell its answers apart; those then stand
//! under the key and what a request says in these headers.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::entry::Entry;
use super::key::{Key, Place, variant};
use super::policy::MOST_VARY;

/// How many bytes an answer takes, about: for the tables of the store.
const TYPICAL: u64 = 8 << 10;

/// How many locks share the answers. Each has its part of the bytes, and no answer is larger than that part.
const SHARDS: usize = 4;

/// The largest share of the memory that one answer may take.
pub(super) const LARGEST_SHARE: u64 = 8;

/// What is kept.
#[derive(Debug)]
pub(super) struct Memory(Cache<Place, Slot, ByWeight>);

#[derive(Clone, Debug)]
enum Slot {
    /// The headers that tell the answers of the key apart.
    Names(Arc<[HeaderName]>),
    Answer(Arc<Entry>),
}

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Place, Slot> for ByWeight {
    fn weight(&self, place: &Place, slot: &Slot) -> u64 {
        let slot = match slot {
            Slot::Names(names) => names.len() * size_of::<HeaderName>(),
            Slot::Answer(entry) => entry.weight(),
        };
        u64::try_from(place.key.weight() + place.variant.len() + slot).unwrap_or(u64::MAX)
    }
}

// === impl Memory ===

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let count = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX).max(32 * SHARDS);
        let options = OptionsBuilder::new()
            .shards(SHARDS)
            .estimated_items_capacity(count)
            .weight_capacity(bytes)
            .build()
            .expect("both capacities are given");
        Self(Cache::with_options(
            options,
            ByWeight,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ))
    }

    /// Where an answer to these headers is kept, or would be, and the answer.
    pub(super) fn find(&self, key: &Arc<Key>, request: &HeaderMap) -> (Place, Option<Arc<Entry>>) {
        let plain = Place { key: key.clone(), variant: Box::default() };
        match self.0.get(&plain) {
            None => (plain, None),
            Some(Slot::Answer(entry)) => (plain, Some(entry)),
            Some(Slot::Names(names)) => {
                let place = Place { key: key.clone(), variant: variant(&names, request) };
                match self.0.get(&place) {
                    Some(Slot::Answer(entry)) => (place, Some(entry)),
                    Some(Slot::Names(_)) | None => (place, None),
                }
            }
        }
    }

    /// The headers that tell the answers of this key apart, when one comes that names these.
    ///
    /// An answer that names fewer headers than others of its key before is told apart by all of them: the others stay,
    /// and nobody gets one that is not meant for them.
    pub(super) fn names(&self, key: &Arc<Key>, of_answer: Vec<HeaderName>) -> Vec<HeaderName> {
        let plain = Place { key: key.clone(), variant: Box::default() };
        let Some(Slot::Names(known)) = self.0.peek(&plain) else { return of_answer };
        let mut names = of_answer.clone();
        names.extend(known.iter().filter(|name| !of_answer.contains(name)).cloned());
        names.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        if names.len() > MOST_VARY { of_answer } else { names }
    }

    /// Keeps an answer. Whether there was room for it is not said: a full store forgets.
    pub(super) fn put(&self, key: &Arc<Key>, entry: Arc<Entry>) {
        let plain = Place { key: key.clone(), variant: Box::default() };
        if entry.vary.is_empty() {
            self.0.insert(plain, Slot::Answer(entry));
            return;
        }
        let is_known = matches!(self.0.peek(&plain), Some(Slot::Names(names)) if *names == *entry.vary);
        if !is_known {
            self.0.insert(plain, Slot::Names(entry.vary.as_slice().into()));
        }
        let place = Place { key: key.clone(), variant: entry.variant.clone() };
        self.0.insert(place, Slot::Answer(entry));
    }

    pub(super) fn remove(&self, place: &Place) {
        self.0.remove(place);
    }

    /// Forgets the answers that are chosen, and returns how many they were.
    pub(super) fn forget(&self, is_chosen: impl Fn(&Key, &Entry) -> bool) -> u64 {
        let count = std::cell::Cell::new(0);
        self.0.retain(|place, slot| match slot {
            Slot::Answer(entry) if is_chosen(&place.key, entry) => {
                count.set(count.get() + 1);
                false
            }
            Slot::Answer(_) | Slot::Names(_) => true,
        });
        count.get()
    }

    /// How many answers and names are kept, and how many bytes they take.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.0.len(), self.0.weight())
    }

    pub(super) fn capacity(&self) -> u64 {
        self.0.capacity()
    }
}
