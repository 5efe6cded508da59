//! Where hashes are computed: so many slots, so many callers waiting, and no more.
//!
//! A slot belongs to the computation, not to the caller: when the caller goes, the slot stays taken until the
//! computation ends, so there are never more computations, nor more memory, than slots.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use denizen_kit::time::Deadline;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::hash::{self, Cost, Memory, SALT_LEN, Stored};
use crate::model::Password;

/// Where hashes are computed.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// One for each caller, computing or waiting.
    places: Arc<Semaphore>,
    /// One for each computation.
    slots: Arc<Semaphore>,
    /// Memory of the slots that are free; at most one for each slot.
    memory: Mutex<Vec<Memory>>,
    cost: Cost,
    hashes: AtomicU64,
}

/// A caller's place in the pool, for as many computations as it needs one after another.
#[derive(Debug)]
pub(crate) struct Ticket {
    pool: Arc<Inner>,
    _place: OwnedSemaphorePermit,
}

// === impl Pool ===

impl Pool {
    /// A pool of `slots` computations at once and `queue` callers waiting; new hashes are made at this cost.
    pub fn new(slots: usize, queue: usize, cost: Cost) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(slots + queue)),
            slots: Arc::new(Semaphore::new(slots)),
            memory: Mutex::default(),
            cost,
            hashes: AtomicU64::new(0),
        }))
    }

    /// How many hashes have been computed: equal cost for everybody is proved by counting.
    pub fn hashes(&self) -> u64 {
        self.0.hashes.load(Ordering::Relaxed)
    }

    /// A place, or at once the answer that there is none.
    pub(crate) fn enter(&self) -> Result<Ticket> {
        let Ok(place) = self.0.places.clone().try_acquire_owned() else {
            metrics::counter!("denizen_password_shed_total").increment(1);
            return Err(Error::Overloaded);
        };
        Ok(Ticket { pool: self.0.clone(), _place: place })
    }
}

// === impl Inner ===

impl Inner {
    fn take_memory(&self) -> Memory {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives memory back, without what a foreign hash needed beyond the usual.
    fn return_memory(&self, mut memory: Memory) {
        if memory.len() > self.cost.blocks() {
            memory.truncate(self.cost.blocks());
            memory.shrink_to_fit();
        }
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

// === impl Ticket ===

impl Ticket {
    /// Runs a computation on a blocking thread when a slot is free, unless the deadline comes first.
    pub(crate) async fn run<T, F>(&self, deadline: Deadline, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> T + Send + 'static,
    {
        let limit = tokio::time::Instant::from_std(deadline.instant());
        let slot = tokio::time::timeout_at(limit, self.pool.slots.clone().acquire_owned()).await;
        let Ok(Ok(slot)) = slot else { return Err(Error::Overdue) };
        let pool = self.pool.clone();
        let computation = move || {
            let mut memory = pool.take_memory();
            let result = work(&mut memory);
            pool.return_memory(memory);
            drop(slot);
            result
        };
        Ok(tokio::task::spawn_blocking(computation).await?)
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(
        &self,
        deadline: Deadline,
        password: &Password,
        salt: [u8; SALT_LEN],
    ) -> Result<String> {
        let (password, cost) = (password.clone(), self.pool.cost);
        self.pool.hashes.fetch_add(1, Ordering::Relaxed);
        self.run(deadline, move |memory| hash::hash(password.bytes(), &salt, cost, memory))
            .await?
            .map_err(Error::Hash)
    }

    /// Whether a stored hash is that of the password. For none it costs the same and is false.
    pub(crate) async fn verify(
        &self,
        deadline: Deadline,
        password: &Password,
        phc: Option<&str>,
    ) -> Result<bool> {
        let known = phc.is_some();
        let stored = match phc {
            Some(phc) => Stored::parse(phc).ok_or(Error::StoredHash)?,
            None => Stored::dummy(self.pool.cost).map_err(Error::Hash)?,
        };
        let password = password.clone();
        self.pool.hashes.fetch_add(1, Ordering::Relaxed);
        let same = self.run(deadline, move |memory| stored.is_of(password.bytes(), memory)).await?;
        Ok(same.map_err(Error::Hash)? && known)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 32, iterations: 1, parallelism: 1 };

    fn soon() -> Deadline {
        Deadline::within(Duration::from_secs(30))
    }

    fn password(text: &str) -> Password {
        Password::read(text).unwrap()
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let ticket = Pool::new(1, 0, CHEAP).enter().unwrap();
        let phc = ticket.hash(soon(), &password("correct horse"), [3; SALT_LEN]).await.unwrap();
        assert!(ticket.verify(soon(), &password("correct horse"), Some(&phc)).await.unwrap());
        assert!(!ticket.verify(soon(), &password("wrong horse"), Some(&phc)).await.unwrap());
        assert!(!ticket.verify(soon(), &password("correct horse"), None).await.unwrap());
    }

    #[test]
    fn the_one_too_many_is_told_at_once() {
        let pool = Pool::new(1, 2, CHEAP);
        let tickets: Vec<Ticket> = (0..3).map(|_| pool.enter().unwrap()).collect();
        assert!(matches!(pool.enter(), Err(Error::Overloaded)));
        drop(tickets);
        assert!(pool.enter().is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slot_stays_taken_when_its_caller_goes() {
        let pool = Pool::new(1, 3, CHEAP);
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let holder = pool.enter().unwrap();
        let held = tokio::spawn(async move {
            holder
                .run(soon(), move |_| {
                    let _ = started.send(());
                    let _ = released.recv();
                })
                .await
        });
        has_started.await.unwrap();
        held.abort();
        assert!(held.await.unwrap_err().is_cancelled());

        let second = pool.enter().unwrap();
        let late = second.run(Deadline::within(Duration::from_millis(20)), |_| ()).await;
        assert!(matches!(late, Err(Error::Overdue)), "the deadline is honoured while waiting");
        release.send(()).unwrap();
        second.run(soon(), |_| ()).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_is_that_of_the_slots() {
        let pool = Pool::new(2, 40, CHEAP);
        let callers: Vec<_> = (0..40)
            .map(|_| {
                let ticket = pool.enter().unwrap();
                tokio::spawn(async move { ticket.verify(soon(), &password("some password"), None).await })
            })
            .collect();
        for caller in callers {
            assert!(!caller.await.unwrap().unwrap());
        }
        let larger = Cost { memory_kib: 256, ..CHEAP };
        let phc = hash::hash(b"imported", &[1; SALT_LEN], larger, &mut Memory::new()).unwrap();
        assert!(pool.enter().unwrap().verify(soon(), &password("imported"), Some(&phc)).await.unwrap());
        let memory = pool.0.memory.lock().unwrap();
        assert!((1..=2).contains(&memory.len()), "{}", memory.len());
        assert!(memory.iter().all(|memory| memory.capacity() <= CHEAP.blocks()));
    }
}
