//! The data keys of people, held for a short time by the services that keep something about them.
//!
//! A key that was destroyed must be nowhere. So what is held may be used under a *lease* only: users has said, in answer
//! to a question that was asked no more than [`LEASE`] ago, which keys were destroyed. Whoever destroys a key waits that
//! long before they say so; by then each process has asked again and dropped it, or uses nothing of what it holds.
//! Clocks need not agree: a lease is counted from the question, the wait from the destruction, which came after it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;

use crate::users::internal::v1::{DataKeysRequest, DataKeysResponse};
use crate::{Links, problem_from};

/// How long keys may be used without asking whether they were destroyed.
pub const LEASE: Duration = Duration::from_secs(1);

/// How long a key is held at most after it was fetched.
const HELD: Duration = Duration::from_mins(5);

/// How many keys are held at most.
const CAPACITY: u64 = 20_000;

/// How many keys one call fetches at most.
const BATCH: usize = 500;

/// Data keys by person, fetched from users when they are not at hand.
#[derive(Clone, Debug)]
pub struct KeyRing {
    links: Links,
    held: moka::sync::Cache<UserId, Key>,
    lease: Arc<Mutex<Lease>>,
    length: Duration,
}

/// Up to where the destruction of keys is known, and until when that is enough.
#[derive(Debug, Default)]
struct Lease {
    epoch: i64,
    until: Option<Instant>,
}

/// What users answered.
struct News {
    epoch: i64,
    keys: HashMap<UserId, Key>,
    destroyed: HashSet<UserId>,
    drop_all: bool,
}

// === impl KeyRing ===

impl KeyRing {
    /// An empty ring.
    pub fn new(links: Links) -> Self {
        Self::with_lease(links, LEASE)
    }

    /// An empty ring whose leases have another length. No longer than [`LEASE`], but in tests.
    pub fn with_lease(links: Links, length: Duration) -> Self {
        let held = moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_live(HELD).build();
        Self { links, held, lease: Arc::default(), length }
    }

    /// The key of one person; none when they are unknown or erased.
    pub async fn get(&self, cx: &Cx, user_id: UserId) -> Result<Option<Key>, Problem> {
        Ok(self.get_many(cx, &[user_id]).await?.remove(&user_id))
    }

    /// The keys of several people; unknown and erased ones are left out.
    pub async fn get_many(&self, cx: &Cx, user_ids: &[UserId]) -> Result<HashMap<UserId, Key>, Problem> {
        if user_ids.is_empty() {
            return Ok(HashMap::new());
        }
        // The epoch is read before the keys: what was destroyed since is told by the answer.
        let mut epoch = self.lease().epoch;
        let held = |user_id: &UserId| self.held.get(user_id).map(|key| (*user_id, key));
        let mut keys: HashMap<UserId, Key> = user_ids.iter().filter_map(held).collect();
        let mut missing: Vec<UserId> =
            user_ids.iter().copied().filter(|user_id| !keys.contains_key(user_id)).collect();
        if missing.is_empty() && self.is_leased() {
            return Ok(keys);
        }
        missing.sort_unstable();
        missing.dedup();
        loop {
            let batch = missing.split_off(missing.len().saturating_sub(BATCH));
            let news = self.ask(cx, epoch, &batch).await?;
            if news.drop_all && !keys.is_empty() {
                epoch = news.epoch;
                missing.extend(keys.drain().map(|(user_id, _)| user_id).chain(batch));
                missing.sort_unstable();
                missing.dedup();
                continue;
            }
            keys.retain(|user_id, _| !news.destroyed.contains(user_id));
            keys.extend(news.keys);
            if missing.is_empty() {
                return Ok(keys);
            }
        }
    }

    /// Drops a key at once.
    pub fn forget(&self, user_id: UserId) {
        self.held.invalidate(&user_id);
    }

    /// Asks users for keys, and for what was destroyed after an epoch; holds the one and drops the other.
    async fn ask(&self, cx: &Cx, epoch: i64, user_ids: &[UserId]) -> Result<News, Problem> {
        let request = DataKeysRequest { user_ids: user_ids.iter().map(ToString::to_string).collect(), epoch };
        let asked_at = Instant::now();
        let answer = self.links.directory(cx).data_keys(request).await.map_err(problem_from)?.into_inner();
        let news = News::of(answer);
        let mut lease = self.lease();
        if news.drop_all {
            self.held.invalidate_all();
            lease.epoch = news.epoch;
        }
        news.destroyed.iter().for_each(|user_id| self.held.invalidate(user_id));
        // Who asked as one that holds nothing was told of no destruction; meanwhile others may have come to hold keys.
        if epoch == 0 && lease.epoch != 0 && lease.epoch != news.epoch {
            return Ok(news);
        }
        // A key of an older epoch may have been destroyed in one that is known already: it is not held.
        if news.epoch >= lease.epoch {
            lease.epoch = news.epoch;
            news.keys.iter().for_each(|(user_id, key)| self.held.insert(*user_id, key.clone()));
        }
        lease.until = lease.until.max(Some(asked_at + self.length));
        Ok(news)
    }

    fn is_leased(&self) -> bool {
        self.lease().until.is_some_and(|until| Instant::now() < until)
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl News ===

impl News {
    fn of(answer: DataKeysResponse) -> Self {
        let keys = answer.keys.into_iter().filter_map(|data_key| {
            Some((data_key.user_id.parse().ok()?, Key::from_slice(&data_key.key).ok()?))
        });
        let destroyed = answer.destroyed.iter().filter_map(|user_id| user_id.parse().ok());
        Self {
            epoch: answer.epoch,
            keys: keys.collect(),
            destroyed: destroyed.collect(),
            drop_all: answer.drop_all,
        }
    }
}

/// The place that a sealed value of a person is bound to: the person's id and what it is.
pub fn place(user_id: UserId, what: &str) -> Vec<u8> {
    [user_id.uuid().as_bytes().as_slice(), what.as_bytes()].concat()
}
