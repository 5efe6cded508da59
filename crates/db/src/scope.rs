//! The scope of one run of an operation: which write it has open or parked, and whose durability its answer needs.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use denizen_kit::task::{mark_write, write_is_open};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::error::{Error, Result};
use crate::sqlite::Waiter;
use crate::tx::Tx;

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// The scope of one run of an operation.
pub(crate) struct Scope {
    /// Which database runs the operation: only its writes are parked.
    database: usize,
    hold: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Since when a write has been open or parked.
    held_since: Option<Instant>,
    /// A write is being opened or is open.
    open: bool,
    parked: Option<Tx>,
    waiters: Vec<Waiter>,
    retry: bool,
}

// === impl Scope ===

impl Scope {
    pub(crate) fn new(database: usize, hold: Duration) -> Arc<Self> {
        Arc::new(Self { database, hold, state: Mutex::default(), changed: Notify::new() })
    }

    /// The scope of the present operation, if it is run in one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        SCOPE.try_with(Arc::clone).ok()
    }

    /// Runs an operation in this scope; none when it held a write too long.
    pub(crate) async fn run<T>(self: &Arc<Self>, operation: impl Future<Output = T>) -> Option<T> {
        let limited = async {
            tokio::select! {
                biased;
                output = operation => Some(output),
                () = self.overdue() => None,
            }
        };
        SCOPE.scope(self.clone(), denizen_kit::task::with_write_mark(limited)).await
    }

    /// Ends when a write has been held too long.
    async fn overdue(&self) {
        loop {
            let Some(since) = self.state().held_since else {
                self.changed.notified().await;
                continue;
            };
            sleep_until(since + self.hold).await;
            if self.state().held_since == Some(since) {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the operation has a write of this database open.
    pub(crate) fn is_writing(&self, database: usize) -> bool {
        self.database == database && self.state().open
    }

    /// Whether writes of this database are parked here.
    pub(crate) fn parks(&self, database: usize) -> bool {
        self.database == database
    }

    /// Keeps a finished write until the operation has ended.
    pub(crate) fn park(&self, tx: Tx) {
        let mut state = self.state();
        state.open = false;
        state.parked = Some(tx);
    }

    /// The parked write, to be finished. Its time is not limited any more.
    pub(crate) fn take_parked(&self) -> Option<Tx> {
        let mut state = self.state();
        let parked = state.parked.take();
        if parked.is_some() {
            state.held_since = None;
        }
        parked
    }

    /// Rolls back a write of this operation; the answer waits for what it has seen.
    pub(crate) fn discard(&self, mut tx: Tx) {
        if let Some(waiter) = tx.roll_back() {
            self.wait_for(waiter);
        }
    }

    /// The answer waits for this group too.
    pub(crate) fn wait_for(&self, waiter: Waiter) {
        self.state().waiters.push(waiter);
    }

    /// Notes that a transaction met another one.
    pub(crate) fn note(&self, error: &Error) {
        if matches!(error, Error::Retry) {
            self.state().retry = true;
        }
    }

    /// Whether a transaction met another one.
    pub(crate) fn wants_retry(&self) -> bool {
        self.state().retry
    }

    /// Waits until everything that the operation has seen is durable.
    pub(crate) async fn durable(&self) -> Result<()> {
        let waiters = std::mem::take(&mut self.state().waiters);
        for waiter in waiters {
            waiter.await.unwrap_or_else(|_| Err(Error::unavailable("the node is stopping")))?;
        }
        Ok(())
    }
}

/// Says that an operation has a write open, until dropped or parked.
pub(crate) struct OpenMark {
    scope: Option<Arc<Scope>>,
    is_parked: bool,
}

// === impl OpenMark ===

impl OpenMark {
    /// Before a write is opened: refuses a nested one.
    pub(crate) fn before_write(scope: Option<Arc<Scope>>) -> Result<Self> {
        let Some(scope) = scope else {
            return if write_is_open() {
                Err(Error::Nested)
            } else {
                Ok(Self { scope: None, is_parked: false })
            };
        };
        let mut state = scope.state();
        if state.open {
            return Err(Error::Nested);
        }
        state.open = true;
        drop(state);
        Ok(Self { scope: Some(scope), is_parked: false })
    }

    /// The write is open: from now on its time is limited.
    pub(crate) fn opened(&self) {
        mark_write(true);
        let Some(scope) = &self.scope else { return };
        scope.state().held_since = Some(Instant::now());
        scope.changed.notify_one();
    }

    /// The write is being committed: the disk's time is not the operation's.
    pub(crate) fn finishing(&self) {
        if let Some(scope) = &self.scope {
            scope.state().held_since = None;
        }
    }

    /// The scope, when the write is to be parked: the mark of an open write stays, so that no other service is
    /// called before the outcome is known.
    pub(crate) fn into_scope(mut self) -> Option<Arc<Scope>> {
        self.is_parked = true;
        self.scope.take()
    }

    /// The scope that the write is in.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.scope.as_ref()
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        if self.is_parked {
            return;
        }
        mark_write(false);
        if let Some(scope) = &self.scope {
            let mut state = scope.state();
            state.open = false;
            state.held_since = None;
        }
    }
}

/// The scope to open a read or write in: what the operation has parked is committed first, so that it is seen.
pub(crate) async fn settled() -> Result<Option<Arc<Scope>>> {
    let Some(scope) = Scope::current() else { return Ok(None) };
    if let Some(parked) = scope.take_parked() {
        mark_write(false);
        let finished = parked.finish().await;
        if let Err(error) = &finished {
            scope.note(error);
        }
        finished?;
    }
    Ok(Some(scope))
}
