//! Keys: the service's own, and people's data keys in their database.

use std::collections::HashMap;
use std::time::Duration;

use denizen_db::{Db, args};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::{Key, Master};
use denizen_kit::time::{Timestamp, before};

use crate::error::{Error, Result};

const KEY: &str = "SELECT wrapped FROM data_keys WHERE user_id = $1";
const INSERT_KEY: &str = "INSERT INTO data_keys (user_id, wrapped, created_at) VALUES ($1, $2, $3)";
const DELETE_KEY: &str = "DELETE FROM data_keys WHERE user_id = $1";
const OLD_KEYS: &str = "SELECT created_at, user_id FROM data_keys \
    WHERE (created_at, user_id) > ($1, $2) AND created_at < $3 ORDER BY created_at, user_id LIMIT 500";

/// How long an unwrapped key is held in memory.
const HELD: Duration = Duration::from_secs(300);

/// How many are held at most.
const CAPACITY: u64 = 100_000;

/// Place to which a wrapped key is bound, after the user id.
const PLACE: &str = "data-key";

/// The service's own keys, and people's.
#[derive(Clone)]
pub struct Keys {
    db: Db,
    wrapping: Key,
    index: Key,
    pages: Key,
    held: moka::sync::Cache<UserId, Key>,
}

// === impl Keys ===

impl Keys {
    /// The keys that follow from the master key, and the database of data keys.
    pub fn new(master: &Master, db: Db) -> Self {
        Self {
            db,
            wrapping: master.wrapping(),
            index: master.index(),
            pages: master.service("users/pages"),
            held: moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_live(HELD).build(),
        }
    }

    /// The blind index of a canonical form: equal for equal forms, telling nothing.
    pub(crate) fn blind(&self, field: &str, canonical: &str) -> Vec<u8> {
        self.index.blind_index(field, canonical)
    }

    /// The key that marks page cursors as ours.
    pub(crate) const fn pages(&self) -> &Key {
        &self.pages
    }

    /// Makes the data key of a person who is about to be.
    pub(crate) async fn create(&self, cx: &Cx, user_id: UserId) -> Result<Key> {
        let key = Key::from_bytes(cx.random());
        let wrapped = self.wrapping.seal(&denizen_rpc::place(user_id, PLACE), key.expose());
        let mut tx = self.db.write().await?;
        tx.exec(INSERT_KEY, args![user_id, wrapped, cx.now()]).await?;
        tx.commit().await?;
        self.held.insert(user_id, key.clone());
        Ok(key)
    }

    /// The data key of a person; none when there is none any more.
    pub(crate) async fn find(&self, user_id: UserId) -> Result<Option<Key>> {
        if let Some(key) = self.held.get(&user_id) {
            return Ok(Some(key));
        }
        let mut tx = self.db.single().await?;
        let Some((wrapped,)) = tx.opt::<(Vec<u8>,)>(KEY, args![user_id]).await? else { return Ok(None) };
        let key = Key::from_slice(&self.wrapping.open(&denizen_rpc::place(user_id, PLACE), &wrapped)?)?;
        self.held.insert(user_id, key.clone());
        Ok(Some(key))
    }

    /// The data key of a person whose account is there.
    pub(crate) async fn of(&self, user_id: UserId) -> Result<Key> {
        self.find(user_id).await?.ok_or(Error::NoDataKey)
    }

    /// The data keys of several people.
    pub(crate) async fn of_all(&self, ids: Vec<UserId>) -> Result<HashMap<UserId, Key>> {
        let mut keys = HashMap::new();
        for user_id in ids {
            if let Some(key) = self.find(user_id).await? {
                keys.insert(user_id, key);
            }
        }
        Ok(keys)
    }

    /// Destroys the data key of a person.
    pub(crate) async fn destroy(&self, user_id: UserId) -> Result<()> {
        let mut tx = self.db.write().await?;
        tx.exec(DELETE_KEY, args![user_id]).await?;
        tx.commit().await?;
        self.held.invalidate(&user_id);
        Ok(())
    }

    /// Up to 500 people whose keys are older than an hour, in order, after a place.
    pub(crate) async fn older_than_an_hour(
        &self,
        cx: &Cx,
        after: (Timestamp, UserId),
    ) -> Result<Vec<(Timestamp, UserId)>> {
        let limit = before(cx.now(), Duration::from_secs(3600));
        let mut tx = self.db.single().await?;
        Ok(tx.all(OLD_KEYS, args![after.0, after.1, limit]).await?)
    }
}
