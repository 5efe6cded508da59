//! The keys that sign access tokens, as this process knows them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use denizen_kit::time::{Timestamp, elapsed};
use tokio::sync::{Mutex, MutexGuard};

use crate::model::SigningKey;

/// How long the keys are used before they are read again; a new key is shown for longer than this before it signs, so
/// that every process knows it in time.
const READ_EVERY: Duration = Duration::from_secs(30);

/// The keys at one time.
pub(crate) struct Ring {
    read_at: Timestamp,
    /// Newest first, each with the time from which it signs.
    keys: Vec<(Timestamp, Arc<SigningKey>)>,
}

/// Holds the keys, and lets one task at a time read them.
#[derive(Default)]
pub(crate) struct Holder {
    ring: RwLock<Option<Ring>>,
    loading: Mutex<()>,
}

// === impl Ring ===

impl Ring {
    /// The keys that are not retired, newest first, as they were read at a time.
    pub(crate) const fn new(read_at: Timestamp, keys: Vec<(Timestamp, Arc<SigningKey>)>) -> Self {
        Self { read_at, keys }
    }
}

// === impl Holder ===

impl Holder {
    /// The newest key that signs by now; none when the keys are to be read again. A first key that was made by a
    /// process whose clock is ahead signs as well: there is no other.
    pub(crate) fn present(&self, now: Timestamp) -> Option<Arc<SigningKey>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let ring = ring.as_ref().filter(|ring| elapsed(ring.read_at, now) < READ_EVERY)?;
        let signing = ring.keys.iter().find(|(signs_from, _)| *signs_from <= now);
        signing.or(ring.keys.last()).map(|(_, key)| key.clone())
    }

    /// Waits for one's turn to read the keys.
    pub(crate) async fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().await
    }

    /// Takes the keys that were read.
    pub(crate) fn put(&self, ring: Ring) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(ring);
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::seal::Key;

    use super::*;
    use crate::config::Algorithm;
    use crate::model::StoredKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key() -> Arc<SigningKey> {
        let sealing = Key::from_bytes([1; 32]);
        let stored = StoredKey::new(&sealing, Algorithm::EdDsa, None, (at(0), at(0))).unwrap();
        Arc::new(stored.open(&sealing).unwrap())
    }

    #[test]
    fn the_newest_signs_from_its_time_and_the_keys_are_read_again() {
        let (holder, old, new) = (Holder::default(), key(), key());
        assert!(holder.present(at(100)).is_none());
        holder.put(Ring::new(at(100), vec![(at(110), new.clone()), (at(0), old.clone())]));
        let is = |now: i64, key: &Arc<SigningKey>| Arc::ptr_eq(&holder.present(at(now)).unwrap(), key);
        assert!(is(100, &old) && is(109, &old) && is(110, &new));
        assert!(holder.present(at(130)).is_none());
    }

    #[test]
    fn a_first_key_of_a_clock_that_is_ahead_signs() {
        let (holder, first) = (Holder::default(), key());
        holder.put(Ring::new(at(100), vec![(at(101), first.clone())]));
        assert!(Arc::ptr_eq(&holder.present(at(100)).unwrap(), &first));
    }
}
