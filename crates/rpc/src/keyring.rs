//! The data keys of people, held for a short time by the services that keep something about them.

use std::collections::HashMap;
use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;

use crate::users::internal::v1::DataKeysRequest;
use crate::{Links, problem_from};

/// How long a key is held after it was fetched; an erasure answers when no lease can be left.
const LEASE: Duration = Duration::from_mins(5);

/// How many keys are held at most.
const CAPACITY: u64 = 20_000;

/// How many keys one call fetches at most.
const BATCH: usize = 500;

/// Data keys by person, fetched from users when they are not at hand.
#[derive(Clone, Debug)]
pub struct KeyRing {
    links: Links,
    held: moka::sync::Cache<UserId, Key>,
}

// === impl KeyRing ===

impl KeyRing {
    /// An empty ring.
    pub fn new(links: Links) -> Self {
        Self { links, held: moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_live(LEASE).build() }
    }

    /// The key of one person; none when they are unknown or erased.
    pub async fn get(&self, cx: &Cx, user_id: UserId) -> Result<Option<Key>, Problem> {
        Ok(self.get_many(cx, &[user_id]).await?.remove(&user_id))
    }

    /// The keys of several people; unknown and erased ones are left out.
    pub async fn get_many(&self, cx: &Cx, user_ids: &[UserId]) -> Result<HashMap<UserId, Key>, Problem> {
        let mut keys = HashMap::with_capacity(user_ids.len());
        let mut missing = Vec::new();
        for user_id in user_ids {
            match self.held.get(user_id) {
                Some(key) => drop(keys.insert(*user_id, key)),
                None => missing.push(*user_id),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for batch in missing.chunks(BATCH) {
            let request = DataKeysRequest { user_ids: batch.iter().map(ToString::to_string).collect() };
            let answer = self.links.directory(cx).data_keys(request).await.map_err(problem_from)?;
            for data_key in answer.into_inner().keys {
                let (Ok(user_id), Ok(key)) = (data_key.user_id.parse(), Key::from_slice(&data_key.key))
                else {
                    continue;
                };
                self.held.insert(user_id, key.clone());
                keys.insert(user_id, key);
            }
        }
        Ok(keys)
    }

    /// Drops a key at once.
    pub fn forget(&self, user_id: UserId) {
        self.held.invalidate(&user_id);
    }
}

/// The place that a sealed value of a person is bound to: the person's id and what it is.
pub fn place(user_id: UserId, what: &str) -> Vec<u8> {
    [user_id.uuid().as_bytes().as_slice(), what.as_bytes()].concat()
}
