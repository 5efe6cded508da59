//! Keys: the service's own, and people's data keys in their database.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_db::{Args, Db, Tx, args};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::{Key, Root, same_secret};
use denizen_kit::time::{Timestamp, before};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::leases::{self, Destroyed, Leases};
use crate::model::certificate::Signer;

const KEY: &str = "SELECT wrapped FROM data_keys WHERE user_id = $1";
const INSERT_KEY: &str = "INSERT INTO data_keys (user_id, wrapped, created_at) VALUES ($1, $2, $3)";
const INSERT_KEY_IF_NEW: &str = "INSERT INTO data_keys (user_id, wrapped, created_at) VALUES ($1, $2, $3) \
    ON CONFLICT (user_id) DO NOTHING";
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
    certificates: Key,
    exports: Key,
    leases: Leases,
}

// === impl Keys ===

impl Keys {
    /// The keys that follow from the root, and the database of data keys.
    pub fn new(root: &Root, db: Db) -> Self {
        Self {
            db,
            wrapping: root.wrapping(),
            index: root.index(),
            pages: root.service("users/pages"),
            certificates: root.service("users/certificates"),
            exports: root.service("users/exports"),
            leases: Leases::new(
                moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_live(HELD).build(),
            ),
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

    /// Signs certificates of erasure.
    pub(crate) fn certificates(&self) -> Signer {
        Signer::new(&self.certificates)
    }

    /// The token that opens a person's archive until a time: `end in Unix seconds (8 bytes) | MAC`, base64url.
    pub(crate) fn export_token(&self, user_id: UserId, export_id: Uuid, until: Timestamp) -> String {
        let end = until.as_second().to_be_bytes();
        let mac = self.exports.mac(&[user_id.uuid().as_bytes(), export_id.as_bytes(), &end]);
        URL_SAFE_NO_PAD.encode([end.as_slice(), &mac].concat())
    }

    /// Whether a token opens a person's archive now.
    pub(crate) fn opens_export(&self, user_id: UserId, export_id: Uuid, token: &str, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((end, given)) = bytes.split_first_chunk::<8>() else { return false };
        let mac = self.exports.mac(&[user_id.uuid().as_bytes(), export_id.as_bytes(), end]);
        same_secret(given, &mac) && i64::from_be_bytes(*end) > now.as_second()
    }

    /// Makes the data key of a person who is about to be.
    pub(crate) async fn create(&self, cx: &Cx, user_id: UserId) -> Result<Key> {
        let key = Key::from_bytes(cx.random());
        let epoch = self.leases.epoch();
        let wrapped = self.wrapping.seal(&denizen_rpc::place(user_id, PLACE), key.expose());
        let mut tx = self.db.write().await?;
        tx.exec(INSERT_KEY, args![user_id, wrapped, cx.now()]).await?;
        tx.commit().await?;
        self.leases.hold(epoch, user_id, &key);
        Ok(key)
    }

    /// The data keys of people who are about to be, made where there is none yet. Not held: most are not asked for soon.
    pub(crate) async fn ensure_all(&self, cx: &Cx, user_ids: &[UserId]) -> Result<HashMap<UserId, Key>> {
        let now = cx.now();
        let mut keys: HashMap<UserId, Key> = HashMap::with_capacity(user_ids.len());
        let wrapped = user_ids.iter().map(|&user_id| {
            let key = Key::from_bytes(cx.random());
            let wrapped = self.wrapping.seal(&denizen_rpc::place(user_id, PLACE), key.expose());
            keys.insert(user_id, key);
            args![user_id, wrapped, now]
        });
        let wrapped: Vec<Args> = wrapped.collect();
        let mut tx = self.db.write().await?;
        let changed = tx.exec_each(INSERT_KEY_IF_NEW, &wrapped).await?;
        let old = user_ids.iter().zip(changed).filter(|(_, changed)| *changed == 0).map(|(id, _)| *id);
        let old: Vec<UserId> = old.collect();
        keys.extend(self.stored_of(&mut tx, &old).await?);
        tx.commit().await?;
        Ok(keys)
    }

    /// The data key of a person; none when there is none any more.
    pub(crate) async fn find(&self, user_id: UserId) -> Result<Option<Key>> {
        if let Some(key) = self.leases.get(&self.db, user_id).await? {
            return Ok(Some(key));
        }
        let epoch = self.leases.epoch();
        let key = self.stored(&mut self.db.single().await?, user_id).await?;
        if let Some(key) = &key {
            self.leases.hold(epoch, user_id, key);
        }
        Ok(key)
    }

    /// The data key of a person as it is stored, whatever is held.
    async fn stored(&self, tx: &mut Tx, user_id: UserId) -> Result<Option<Key>> {
        let Some((wrapped,)) = tx.opt::<(Vec<u8>,)>(KEY, args![user_id]).await? else { return Ok(None) };
        Ok(Some(self.unwrapped(user_id, &wrapped)?))
    }

    /// The data key of a person whose account is there.
    pub(crate) async fn of(&self, user_id: UserId) -> Result<Key> {
        self.find(user_id).await?.ok_or(Error::NoDataKey)
    }

    /// The data keys of several people.
    pub(crate) async fn of_all(&self, ids: Vec<UserId>) -> Result<HashMap<UserId, Key>> {
        let mut keys = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for user_id in ids {
            match self.leases.get(&self.db, user_id).await? {
                Some(key) => drop(keys.insert(user_id, key)),
                None => missing.push(user_id),
            }
        }
        if missing.is_empty() {
            return Ok(keys);
        }
        let epoch = self.leases.epoch();
        for (user_id, key) in self.stored_of(&mut self.db.read().await?, &missing).await? {
            self.leases.hold(epoch, user_id, &key);
            keys.insert(user_id, key);
        }
        Ok(keys)
    }

    /// The data keys of several people as they are stored, whatever is held.
    async fn stored_of(&self, tx: &mut Tx, user_ids: &[UserId]) -> Result<Vec<(UserId, Key)>> {
        let lists: Vec<Args> = user_ids.iter().map(|user_id| args![*user_id]).collect();
        let found: Vec<Option<(Vec<u8>,)>> = tx.opt_each(KEY, &lists).await?;
        let found = user_ids.iter().zip(found).filter_map(|(user_id, row)| Some((*user_id, row?.0)));
        found.map(|(user_id, wrapped)| Ok((user_id, self.unwrapped(user_id, &wrapped)?))).collect()
    }

    fn unwrapped(&self, user_id: UserId, wrapped: &[u8]) -> Result<Key> {
        let key = self.wrapping.open(&denizen_rpc::place(user_id, PLACE), wrapped)?;
        Ok(Key::from_slice(&key)?)
    }

    /// The data keys of several people as they are stored, and what was destroyed after an epoch, at one moment: for
    /// services that hold keys by themselves.
    pub(crate) async fn lend(
        &self,
        user_ids: &[UserId],
        after: i64,
    ) -> Result<(HashMap<UserId, Key>, Destroyed)> {
        let mut tx = self.db.read().await?;
        let epoch = leases::epoch(&mut tx).await?;
        let destroyed = leases::destroyed(&mut tx, after, epoch).await?;
        let keys = self.stored_of(&mut tx, user_ids).await?;
        Ok((keys.into_iter().collect(), destroyed))
    }

    /// Destroys the data keys of people for good. Other processes may use what they hold until [`LEASE`] has passed;
    /// wait as long before you say that the keys are gone.
    ///
    /// [`LEASE`]: denizen_rpc::LEASE
    pub(crate) async fn destroy_for_good(&self, cx: &Cx, user_ids: &[UserId]) -> Result<()> {
        leases::destroy(&self.db, user_ids, cx.now()).await?;
        for user_id in user_ids {
            self.leases.forget(*user_id);
        }
        Ok(())
    }

    /// SQLite: overwrites what was deleted in the write-ahead log of the keys too.
    pub(crate) async fn checkpoint(&self) -> Result<()> {
        Ok(self.db.checkpoint().await?)
    }

    /// Takes back the data key of somebody who did not come to be.
    pub(crate) async fn destroy(&self, user_id: UserId) -> Result<()> {
        let mut tx = self.db.write().await?;
        tx.exec(DELETE_KEY, args![user_id]).await?;
        tx.commit().await?;
        self.leases.forget(user_id);
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
