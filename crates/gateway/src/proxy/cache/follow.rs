//! Purges, at this node and told to others, and what the store does by itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use super::key::Key;
use super::purge::Purge;
use super::{BELL, Store};

/// How often the store looks whether the server of the bells is there, and drops what is of no use any more.
const LOOK: Duration = Duration::from_millis(250);

/// After how many looks what is of no use is dropped: five seconds, as for other copies of what is a person's.
const SWEEP: u32 = 20;

/// A purge on its way to other nodes.
#[derive(Serialize, Deserialize)]
struct Ring {
    node: [u8; 8],
    purge: Purge,
}

// === impl Store ===

impl Store {
    /// Takes answers with a tag away at every node. How many they were at this one.
    pub(crate) async fn purge_tag(&self, tag: &str) -> u64 {
        self.purge(Purge::Tag(tag.to_owned())).await
    }

    /// Takes the answers away that a purge names, at every node. How many they were at this one.
    pub(crate) async fn purge(&self, purge: Purge) -> u64 {
        let count = self.purge_here(&purge);
        self.spread(purge).await;
        count
    }

    /// The same, for those who cannot wait: this node's answers are gone when it returns, the others' soon.
    pub(super) fn purge_soon(&self, purge: Purge) {
        self.purge_here(&purge);
        // Who drops a request outside the runtime can start no task; the server is told nothing then, nodes are.
        let can_spawn = Handle::try_current().is_ok();
        if self.0.shared.is_none() || !can_spawn {
            self.ring(&purge);
            return;
        }
        let store = self.clone();
        self.tasks().spawn("gateway.cache.purge", async move { store.spread(purge).await });
    }

    fn purge_here(&self, purge: &Purge) -> u64 {
        let mut purges = self.purges();
        purges.add(purge.clone());
        let count = self.0.memory.forget(|key, entry| purge.meets(key, &entry.tags));
        self.flights().detach(|place| purge.may_meet(&place.key));
        drop(purges);
        self.0.tally.purged.fetch_add(count, Ordering::Relaxed);
        count
    }

    async fn spread(&self, purge: Purge) {
        if let Some(shared) = &self.0.shared {
            shared.mark(&purge, self.now()).await;
            // What was taken from the server before the mark was there.
            self.purge_here(&purge);
        }
        self.ring(&purge);
    }

    fn ring(&self, purge: &Purge) {
        let ring = Ring { node: self.0.node, purge: purge.clone() };
        if let Ok(payload) = serde_json::to_vec(&ring) {
            self.0.cache.ring(BELL, &payload);
        }
    }

    /// Hears the purges of other nodes and keeps the store tidy, until the node stops.
    pub(crate) async fn follow(self) {
        let mut bell = self.0.cache.listen(BELL);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut was_healthy, mut looks) = (self.0.cache.healthy(), 0_u32);
        loop {
            tokio::select! {
                is_open = self.hear(&mut bell) => if !is_open { return },
                _ = look.tick() => {
                    let is_healthy = self.0.cache.healthy();
                    if is_healthy && !was_healthy {
                        // Other nodes may have purged meanwhile, and this one has not heard.
                        self.purge_here(&Purge::All);
                    }
                    was_healthy = is_healthy;
                    looks = looks.wrapping_add(1);
                    self.catch_up().await;
                    if looks.is_multiple_of(SWEEP) {
                        self.sweep();
                    }
                }
            }
        }
    }

    /// Hears one purge. Whether there can be more.
    async fn hear(&self, bell: &mut Receiver<Vec<u8>>) -> bool {
        match bell.recv().await {
            Ok(payload) => {
                // What cannot be read is from a node of another version: nothing is kept rather than too much.
                let ring = serde_json::from_slice::<Ring>(&payload);
                match ring {
                    Ok(ring) if ring.node == self.0.node => {}
                    Ok(ring) => drop(self.purge_here(&ring.purge)),
                    Err(_) => drop(self.purge_here(&Purge::All)),
                }
                true
            }
            Err(RecvError::Lagged(_)) => {
                self.purge_here(&Purge::All);
                true
            }
            Err(RecvError::Closed) => false,
        }
    }

    /// Tells the server, and once more the other nodes, of purges that it missed.
    async fn catch_up(&self) {
        let Some(shared) = &self.0.shared else { return };
        for (purge, at) in shared.take_pending() {
            shared.mark(&purge, at).await;
            self.purge_here(&purge);
            self.ring(&purge);
        }
    }

    /// Drops what is one person's and of no use any more, so that nothing of an erased person stays.
    fn sweep(&self) {
        let now = self.now();
        let is_over = |key: &Key, useful_for: Duration| key.principal.is_some() && useful_for.is_zero();
        self.0.memory.forget(|key, entry| is_over(key, entry.useful_for(now)));
    }
}
