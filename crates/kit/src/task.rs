//! Named tasks that end in order, and the mark of an open write.

use std::cell::Cell;
use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The tasks of a node: started by name, told to end together, waited for.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task until it ends. It should look at [`Tasks::stopping`] if it would not end by itself.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task.instrument(tracing::info_span!("task", task = name)));
    }

    /// Runs a task that is cut at its next wait when the node stops.
    pub fn spawn_until_stopped<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = self.token.clone();
        self.spawn(name, async move {
            let _ = token.run_until_cancelled(task).await;
        });
    }

    /// Ends when the node is told to stop.
    pub async fn stopping(&self) {
        self.token.cancelled().await;
    }

    /// Whether the node has been told to stop.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Tells all tasks to stop and waits until they have.
    pub async fn stop(&self) {
        self.token.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

tokio::task_local! {
    static WRITE_OPEN: Cell<bool>;
}

/// Runs a future that may open writes; [`write_is_open`] tells within it whether one is.
pub async fn with_write_mark<F: Future>(future: F) -> F::Output {
    WRITE_OPEN.scope(Cell::new(false), future).await
}

/// Marks that the present op has a write open, or no longer.
pub fn mark_write(open: bool) {
    let _ = WRITE_OPEN.try_with(|mark| mark.set(open));
}

/// Whether the present op has a write open: then it must not call another service, nor open a second.
pub fn write_is_open() -> bool {
    WRITE_OPEN.try_with(Cell::get).unwrap_or(false)
}
