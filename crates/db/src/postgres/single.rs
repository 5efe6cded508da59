//! Single reads on two shared connections, many in flight on each (pipelined).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;
use tokio_postgres::Config;

use super::connect::{CONNECT, Connector};
use super::{failure, statement};
use crate::error::{Error, Result};
use crate::row::{Row, Source};
use crate::sqlite::Each;
use crate::value::Value;

/// How many connections are shared.
const SHARED: usize = 2;

/// The shared connections, opened when first needed and again when they broke.
pub(super) struct Single {
    config: Config,
    connector: Connector,
    slots: [Slot; SHARED],
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    open: Mutex<Option<Arc<ClientWrapper>>>,
    /// Held by the one who opens it, so that the others wait for the same connection.
    opening: tokio::sync::Mutex<()>,
}

// === impl Slot ===

impl Slot {
    fn ready(&self) -> Option<Arc<ClientWrapper>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().filter(|client| !client.is_closed()).cloned()
    }

    /// Opens another one next time, unless that has been done.
    fn forget(&self, client: &Arc<ClientWrapper>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_some_and(|known| Arc::ptr_eq(known, client)) {
            *open = None;
        }
    }

    fn set(&self, client: Option<Arc<ClientWrapper>>) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

// === impl Single ===

impl Single {
    pub(super) fn new(config: Config, connector: Connector) -> Self {
        Self { config, connector, slots: <[Slot; SHARED]>::default(), next: AtomicUsize::new(0) }
    }

    /// Runs one reading statement. A read may be repeated, so a broken connection is replaced once.
    pub(super) async fn query(&self, sql: &'static str, args: &[Value], each: Each<'_>) -> Result<()> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % SHARED];
        let mut fetched = self.fetch(slot, sql, args).await;
        if matches!(fetched, Err(Error::Retry)) {
            fetched = self.fetch(slot, sql, args).await;
        }
        let fetched = fetched.map_err(|error| match error {
            Error::Retry => Error::unavailable("the connection to PostgreSQL broke twice"),
            other => other,
        })?;
        fetched.rows.iter().try_for_each(|row| each(&Row(Source::Postgres(row))))
    }

    async fn fetch(&self, slot: &Slot, sql: &'static str, args: &[Value]) -> Result<statement::Fetched> {
        let client = self.client(slot).await?;
        let answer = async {
            let statement = statement::prepare(&client, sql, args.len()).await?;
            statement::fetch(&client, &statement, args).await
        };
        let answered = timeout(statement::ANSWER, answer).await.unwrap_or_else(|_| Err(statement::silence()));
        if matches!(answered, Err(Error::Retry | Error::Unavailable(_))) {
            // The driver may not have seen yet that it is broken, and a silent one would keep everybody waiting.
            slot.forget(&client);
        }
        answered
    }

    async fn client(&self, slot: &Slot) -> Result<Arc<ClientWrapper>> {
        if let Some(client) = slot.ready() {
            return Ok(client);
        }
        let _opening = slot.opening.lock().await;
        if let Some(client) = slot.ready() {
            return Ok(client);
        }
        let opened = timeout(CONNECT, self.connector.open(&self.config)).await;
        let (client, task) =
            opened.map_err(|_| statement::silence())?.map_err(|error| failure::of_connect(&error))?;
        let client = Arc::new(ClientWrapper::new(client, task));
        slot.set(Some(client.clone()));
        Ok(client)
    }

    pub(super) fn close(&self) {
        for slot in &self.slots {
            slot.set(None);
        }
    }
}
