//! Up to where this process knows of destroyed data keys, and until when that is enough to use what it holds. What
//! [`KeyRing`](denizen_rpc::KeyRing) is to the other services, this is to the processes of users, over their database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use denizen_db::{Db, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use denizen_rpc::LEASE;

use crate::error::Result;

const EPOCH: &str = "SELECT epoch FROM key_epoch WHERE id = 1";
const NEXT_EPOCH: &str = "UPDATE key_epoch SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch";
const DESTROYED_SINCE: &str =
    "SELECT user_id FROM destroyed_keys WHERE epoch > $1 AND epoch <= $2 ORDER BY epoch LIMIT 501";
const NOTE_DESTROYED: &str = "INSERT INTO destroyed_keys (user_id, epoch, destroyed_at) VALUES ($1, $2, $3) \
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch, destroyed_at = excluded.destroyed_at";
const DELETE_KEY: &str = "DELETE FROM data_keys WHERE user_id = $1";

/// How many destroyed keys are listed; when there are more, all that is held is dropped.
const LISTED: usize = 500;

/// What was destroyed between two epochs.
#[derive(Debug, Default)]
pub(crate) struct Destroyed {
    /// The later one.
    pub(crate) epoch: i64,
    /// Whose keys.
    pub(crate) user_ids: Vec<UserId>,
    /// There are more than are listed, or the earlier epoch is none of this database.
    pub(crate) drop_all: bool,
}

/// The keys that this process holds, and its lease.
#[derive(Clone)]
pub(crate) struct Leases {
    held: moka::sync::Cache<UserId, Key>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    epoch: i64,
    until: Option<Instant>,
}

// === impl Leases ===

impl Leases {
    pub(crate) fn new(held: moka::sync::Cache<UserId, Key>) -> Self {
        Self { held, state: Arc::default() }
    }

    /// A key that is held and may be used now.
    pub(crate) async fn get(&self, db: &Db, user_id: UserId) -> Result<Option<Key>> {
        if self.state().until.is_none_or(|until| Instant::now() >= until) {
            self.renew(db).await?;
        }
        Ok(self.held.get(&user_id))
    }

    /// The epoch that is known: read it before a key is read that is to be held.
    pub(crate) fn epoch(&self) -> i64 {
        self.state().epoch
    }

    /// Holds a key that was read in an epoch, unless keys were destroyed since: it may have been one of them. Before the
    /// first epoch is known nothing is held.
    pub(crate) fn hold(&self, epoch: i64, user_id: UserId, key: &Key) {
        let state = self.state();
        if state.epoch == epoch && epoch != 0 {
            self.held.insert(user_id, key.clone());
        }
    }

    /// Drops a key at once.
    pub(crate) fn forget(&self, user_id: UserId) {
        self.held.invalidate(&user_id);
    }

    /// Looks up what was destroyed, drops it, and begins a lease as of the time before the look.
    async fn renew(&self, db: &Db) -> Result<()> {
        let looked_at = Instant::now();
        let known = self.epoch();
        let (epoch,): (i64,) = db.single().await?.one(EPOCH, args![]).await?;
        let news = if epoch == known {
            Destroyed { epoch, ..Destroyed::default() }
        } else {
            destroyed(&mut db.single().await?, known, epoch).await?
        };
        let mut state = self.state();
        if news.drop_all {
            self.held.invalidate_all();
        }
        news.user_ids.iter().for_each(|user_id| self.held.invalidate(user_id));
        if news.drop_all || news.epoch > state.epoch {
            state.epoch = news.epoch;
        }
        state.until = state.until.max(Some(looked_at + LEASE));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The present epoch.
pub(crate) async fn epoch(tx: &mut Tx) -> Result<i64> {
    Ok(tx.one::<(i64,)>(EPOCH, args![]).await?.0)
}

/// What was destroyed after an epoch, up to another. Epoch 0 is of one who holds nothing yet.
pub(crate) async fn destroyed(tx: &mut Tx, after: i64, epoch: i64) -> Result<Destroyed> {
    if after == 0 || after == epoch {
        return Ok(Destroyed { epoch, ..Destroyed::default() });
    }
    let rows: Vec<(UserId,)> = tx.all(DESTROYED_SINCE, args![after, epoch]).await?;
    let drop_all = after > epoch || rows.len() > LISTED;
    let user_ids = rows.into_iter().map(|(user_id,)| user_id).filter(|_| !drop_all).collect();
    Ok(Destroyed { epoch, user_ids, drop_all })
}

/// Destroys keys and notes it, in one epoch.
pub(crate) async fn destroy(db: &Db, user_ids: &[UserId], now: Timestamp) -> Result<()> {
    let mut tx = db.write_relaxed("the lock on the one row of the epoch puts destructions in a row").await?;
    let (epoch,): (i64,) = tx.one(NEXT_EPOCH, args![]).await?;
    for user_id in user_ids {
        tx.exec(DELETE_KEY, args![*user_id]).await?;
        tx.exec(NOTE_DESTROYED, args![*user_id, epoch, now]).await?;
    }
    tx.commit().await?;
    Ok(())
}
