//! Which processes run and under which master key they started: so that no key is taken away that one of them needs.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, before};
use uuid::Uuid;

use super::Keyring;
use super::store::{self, Process};
use crate::roles::Roles;

/// How often a process says that it runs.
const EVERY: Duration = Duration::from_secs(15);

/// How long a process that says nothing counts as running.
const SEEN: Duration = Duration::from_secs(60);

// === impl Keyring ===

impl Keyring {
    /// Says from now on that this process runs.
    pub(crate) async fn join(
        &mut self,
        roles: &Roles,
        clock: &Clock,
        tasks: &Tasks,
    ) -> denizen_db::Result<()> {
        let cx = Cx::job(Role::Operator, clock);
        let (id, started_at) = (cx.uuid(), cx.now());
        let process = Process { id, roles: roles.to_string(), slot: self.slot.clone(), started_at };
        self.see(&process, clock).await?;
        self.process = Some(id);
        let (keyring, clock) = (self.clone(), clock.clone());
        tasks.spawn_until_stopped("keyring", async move {
            loop {
                tokio::time::sleep(EVERY).await;
                if let Err(error) = keyring.see(&process, &clock).await {
                    tracing::warn!(%error, "the keyring cannot be told that this process runs");
                }
            }
        });
        Ok(())
    }

    async fn see(&self, process: &Process, clock: &Clock) -> denizen_db::Result<()> {
        let mut tx = self.db.write_relaxed("each process writes its own row").await?;
        store::see(&mut tx, process, clock.now()).await?;
        store::delete_unseen(&mut tx, before(clock.now(), SEEN)).await?;
        tx.commit().await
    }

    /// Says that this process ends, and closes the database.
    pub(crate) async fn leave(self) {
        if let Some(id) = self.process
            && let Err(error) = self.forget(id).await
        {
            tracing::warn!(%error, "the keyring cannot be told that this process ends");
        }
        self.db.close().await;
    }

    async fn forget(&self, id: Uuid) -> denizen_db::Result<()> {
        let mut tx = self.db.write_relaxed("each process deletes its own row").await?;
        store::delete_process(&mut tx, id).await?;
        tx.commit().await
    }

    /// The processes that run.
    pub(crate) async fn processes(&self, clock: &Clock) -> denizen_db::Result<Vec<Process>> {
        store::processes(&mut self.db.single().await?, before(clock.now(), SEEN)).await
    }
}
