//! Where hashes are computed: so many slots, so many callers waiting, and no more.
//!
//! A slot belongs to the computation, not to the caller: when the caller goes, the slot stays taken until the
//! computation ends, so there are never more computations, nor more memory, than slots.

mod load;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use denizen_kit::time::Deadline;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::hash::{self, Bill, Family, Hashed, Memory, Peppers, SALT_LEN, Setting, Stored, Work};
use crate::model::Password;
use load::Load;

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
    setting: Setting,
    peppers: Peppers,
    load: Load,
    hashes: AtomicU64,
    steps: Mutex<BTreeMap<Family, u64>>,
}

/// A caller's place in the pool, for as many computations as it needs one after another.
#[derive(Debug)]
pub(crate) struct Ticket {
    pool: Arc<Inner>,
    _place: OwnedSemaphorePermit,
}

// === impl Pool ===

impl Pool {
    /// A pool of `slots` computations at once and `queue` callers waiting; new hashes are made like this,
    /// over passwords mixed with the present pepper.
    pub fn new(slots: usize, queue: usize, (setting, peppers): (Setting, Peppers)) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(slots + queue)),
            slots: Arc::new(Semaphore::new(slots)),
            memory: Mutex::default(),
            setting,
            peppers,
            load: Load::new(slots),
            hashes: AtomicU64::new(0),
            steps: Mutex::default(),
        }))
    }

    /// How many hashes have been computed or burnt: equal cost for everybody is proved by counting.
    pub fn hashes(&self) -> u64 {
        self.0.hashes.load(Ordering::Relaxed)
    }

    /// What they cost, by the name of their family, in its own steps.
    pub fn steps(&self) -> BTreeMap<&'static str, u64> {
        let steps = self.0.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.iter().map(|(family, steps)| (family.as_str(), *steps)).collect()
    }

    /// Whether a new hash would be made in another way than this one.
    pub(crate) fn is_outdated(&self, text: &str) -> bool {
        Stored::parse(text).is_ok_and(|stored| {
            stored.pepper != self.0.peppers.present() || stored.algorithm.is_outdated(&self.0.setting)
        })
    }

    /// Whether a hash from elsewhere is mixed with no pepper, or with one that is known here.
    pub(crate) fn can_check(&self, stored: &Stored) -> bool {
        self.0.peppers.knows(stored.pepper)
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
        if memory.len() > self.setting.blocks() {
            memory.truncate(self.setting.blocks());
            memory.shrink_to_fit();
        }
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }

    fn count(&self, work: Work) {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner).entry(work.family).or_default() +=
            work.steps;
    }

    /// Whether it is the hash of the password.
    fn check(&self, stored: &Stored, password: &Password, memory: &mut Memory) -> Result<bool> {
        self.count(stored.work());
        let mixed = self.peppers.mix(stored.pepper, password.bytes()).ok_or(Error::StoredHash)?;
        Ok(stored.algorithm.is_of(&mixed, memory)?)
    }

    /// The hash of the password.
    fn hash(&self, password: &Password, salt: &[u8; SALT_LEN], memory: &mut Memory) -> Result<Hashed> {
        self.count(self.setting.work());
        let pepper = self.peppers.present();
        let mixed = self.peppers.mix(pepper, password.bytes()).ok_or(Error::StoredHash)?;
        Ok(self.setting.hash(&mixed, salt, memory)?.under(pepper))
    }

    /// Pays what is left of the bill.
    fn burn(&self, bill: &Bill, paid: Option<Work>, password: &Password, memory: &mut Memory) -> Result<()> {
        for work in bill.rest(paid) {
            self.count(work);
            hash::burn(work, password.bytes(), self.setting.blocks(), memory)?;
        }
        Ok(())
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
        let waiting = self.pool.load.wait();
        let slot = tokio::time::timeout_at(limit, self.pool.slots.clone().acquire_owned()).await;
        let Ok(Ok(slot)) = slot else { return Err(Error::Overdue) };
        drop(waiting);
        let (pool, busy) = (self.pool.clone(), self.pool.load.work());
        let computation = move || {
            let mut memory = pool.take_memory();
            let result = work(&mut memory);
            pool.return_memory(memory);
            drop((slot, busy));
            result
        };
        Ok(tokio::task::spawn_blocking(computation).await?)
    }

    /// The hash of a password.
    pub(crate) async fn hash(
        &self,
        deadline: Deadline,
        password: &Password,
        salt: [u8; SALT_LEN],
    ) -> Result<Hashed> {
        let (password, pool) = (password.clone(), self.pool.clone());
        self.run(deadline, move |memory| pool.hash(&password, &salt, memory)).await?
    }

    /// Whether a stored hash is that of the password. When it is not, or there is none, the bill is paid in full.
    pub(crate) async fn verify(
        &self,
        deadline: Deadline,
        password: &Password,
        (text, bill): (Option<&str>, Bill),
    ) -> Result<bool> {
        let stored = text.map(Stored::parse).transpose().map_err(|_| Error::StoredHash)?;
        let (password, pool) = (password.clone(), self.pool.clone());
        let verified = self.run(deadline, move |memory| {
            if let Some(stored) = &stored
                && pool.check(stored, &password, memory)?
            {
                return Ok(true);
            }
            pool.burn(&bill, stored.as_ref().map(Stored::work), &password, memory)?;
            Ok(false)
        });
        verified.await?
    }

    /// Whether a stored hash is that of the password, at the cost of this one hash.
    pub(crate) async fn compare(&self, deadline: Deadline, password: &Password, text: &str) -> Result<bool> {
        let stored = Stored::parse(text).map_err(|_| Error::StoredHash)?;
        let (password, pool) = (password.clone(), self.pool.clone());
        self.run(deadline, move |memory| pool.check(&stored, &password, memory)).await?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::hash::Cost;

    const CHEAP: Setting = Setting::Argon2id(Cost { memory_kib: 32, iterations: 1, parallelism: 1 });
    const LARGER: Setting = Setting::Argon2id(Cost { memory_kib: 256, iterations: 1, parallelism: 1 });

    fn bill(costliest: &[Work]) -> Bill {
        Bill::new(&CHEAP, costliest)
    }

    fn soon() -> Deadline {
        Deadline::within(Duration::from_secs(30))
    }

    fn password(text: &str) -> Password {
        Password::read(text).unwrap()
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let ticket = Pool::new(1, 0, (CHEAP, Peppers::default())).enter().unwrap();
        let right = password("correct horse");
        let hashed = ticket.hash(soon(), &right, [3; SALT_LEN]).await.unwrap();
        let wrong = password("wrong horse");
        assert!(ticket.verify(soon(), &right, (Some(&hashed.text), bill(&[]))).await.unwrap());
        assert!(!ticket.verify(soon(), &wrong, (Some(&hashed.text), bill(&[]))).await.unwrap());
        assert!(!ticket.verify(soon(), &right, (None, bill(&[]))).await.unwrap());
        assert!(ticket.compare(soon(), &right, &hashed.text).await.unwrap());
        assert!(!ticket.compare(soon(), &wrong, &hashed.text).await.unwrap());
    }

    #[test]
    fn the_one_too_many_is_told_at_once() {
        let pool = Pool::new(1, 2, (CHEAP, Peppers::default()));
        let tickets: Vec<Ticket> = (0..3).map(|_| pool.enter().unwrap()).collect();
        assert!(matches!(pool.enter(), Err(Error::Overloaded)));
        drop(tickets);
        assert!(pool.enter().is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slot_stays_taken_when_its_caller_goes() {
        let pool = Pool::new(1, 3, (CHEAP, Peppers::default()));
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
        let pool = Pool::new(2, 40, (CHEAP, Peppers::default()));
        let callers: Vec<_> = (0..40)
            .map(|_| {
                let ticket = pool.enter().unwrap();
                tokio::spawn(async move {
                    ticket.verify(soon(), &password("some password"), (None, bill(&[LARGER.work()]))).await
                })
            })
            .collect();
        for caller in callers {
            assert!(!caller.await.unwrap().unwrap());
        }
        let larger = LARGER.hash(b"imported", &[1; SALT_LEN], &mut Memory::new()).unwrap();
        assert!(pool.enter().unwrap().compare(soon(), &password("imported"), &larger.text).await.unwrap());
        let memory = pool.0.memory.lock().unwrap();
        assert!((1..=2).contains(&memory.len()), "{}", memory.len());
        assert!(memory.iter().all(|memory| memory.capacity() <= CHEAP.blocks()));
    }
}
