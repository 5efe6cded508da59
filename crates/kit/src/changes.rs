//! Whether something has changed since it was read: a sequence lock (as Linux has them, `Documentation/locking/seqlock`)
//! over data that lies elsewhere, so that a copy of it can be known to be as good as the original.
//!
//! A reader takes a [`Stamp`] *before* it reads and keeps it with its copy. The writer says before its change can be
//! seen that it comes, and after that it has come. A copy whose stamp still holds is what would be read now: no change
//! has become visible since, and none is about to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// How many counters share the ids.
const COUNTERS: usize = 1024;

/// Counts the changes of things that have ids. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Changes(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    /// Changes of who knows what. Odd while one is under way; the same for the others.
    any: AtomicU64,
    /// Changes of the things whose ids fall here.
    some: [AtomicU64; COUNTERS],
}

/// What was counted before something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, u64);

/// What a write changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The things with these ids, and nothing else.
    Only(Vec<Uuid>),
    /// Who knows what.
    Anything,
}

// === impl Changes ===

impl Default for Changes {
    fn default() -> Self {
        let some = std::array::from_fn(|_| AtomicU64::new(0));
        Self(Arc::new(Counts { any: AtomicU64::new(0), some }))
    }
}

impl Changes {
    /// What is counted now for a thing; none while it is being changed.
    pub fn stamp(&self, id: Uuid) -> Option<Stamp> {
        let stamp = self.counted(id);
        (stamp.0.is_multiple_of(2) && stamp.1.is_multiple_of(2)).then_some(stamp)
    }

    /// Whether a copy that was read after this stamp was taken is what would be read now.
    pub fn still_holds(&self, id: Uuid, stamp: Stamp) -> bool {
        self.counted(id) == stamp
    }

    /// A change comes: from now on no stamp of what it touches holds. Only one change is under way at a time.
    pub fn begin(&self, touched: &Touched) {
        self.count(touched);
    }

    /// The change that was begun has come, or not: what is read from now on shows it.
    pub fn end(&self, touched: &Touched) {
        self.count(touched);
    }

    fn counted(&self, id: Uuid) -> Stamp {
        let any = self.0.any.load(Ordering::SeqCst);
        Stamp(any, self.counter(id).load(Ordering::SeqCst))
    }

    fn count(&self, touched: &Touched) {
        match touched {
            Touched::Anything => drop(self.0.any.fetch_add(1, Ordering::SeqCst)),
            Touched::Only(ids) => {
                let mut places: Vec<usize> = ids.iter().map(|id| place(*id)).collect();
                places.sort_unstable();
                places.dedup();
                for place in places {
                    self.0.some[place].fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    fn counter(&self, id: Uuid) -> &AtomicU64 {
        &self.0.some[place(id)]
    }
}

/// The last bytes of a UUIDv7 are random.
fn place(id: Uuid) -> usize {
    let [.., high, low] = id.into_bytes();
    usize::from(u16::from_be_bytes([high, low])) % COUNTERS
}

// === impl Touched ===

impl Default for Touched {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl Touched {
    /// Both together.
    pub fn add(&mut self, other: Touched) {
        match (&mut *self, other) {
            (Self::Only(ids), Self::Only(more)) => ids.extend(more),
            _ => *self = Self::Anything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Uuid = Uuid::from_u128(1);
    const SECOND: Uuid = Uuid::from_u128(2);

    #[test]
    fn a_stamp_holds_until_what_it_is_of_changes() {
        let changes = Changes::default();
        let (first, second) = (changes.stamp(FIRST).unwrap(), changes.stamp(SECOND).unwrap());
        let touched = Touched::Only(vec![FIRST, FIRST]);
        changes.begin(&touched);
        assert!(!changes.still_holds(FIRST, first), "not any more, though it may not be visible yet");
        assert_eq!(changes.stamp(FIRST), None, "who reads now cannot know which of both it was");
        changes.end(&touched);
        assert!(!changes.still_holds(FIRST, first));
        assert!(changes.still_holds(SECOND, second));
        assert!(changes.still_holds(FIRST, changes.stamp(FIRST).unwrap()));
    }

    #[test]
    fn a_change_of_who_knows_what_is_one_of_everything() {
        let changes = Changes::default();
        let first = changes.stamp(FIRST).unwrap();
        let mut touched = Touched::default();
        touched.add(Touched::Only(vec![SECOND]));
        assert_eq!(touched, Touched::Only(vec![SECOND]));
        touched.add(Touched::Anything);
        touched.add(Touched::Only(vec![SECOND]));
        assert_eq!(touched, Touched::Anything);
        changes.begin(&touched);
        assert!(!changes.still_holds(FIRST, first) && changes.stamp(FIRST).is_none());
        changes.end(&touched);
        assert!(!changes.still_holds(FIRST, first) && changes.stamp(FIRST).is_some());
    }
}
