//! What both engines of a service share: keys, bell, tasks, counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use denizen_kit::changes::Changes;
use denizen_kit::task::Tasks;
use metrics::{Histogram, histogram};
use tokio::sync::{Notify, watch};

use crate::config::Secrets;

/// How long one waits for a connection or for the right to write.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What both engines of a service share.
pub(crate) struct Shared {
    pub(crate) service: &'static str,
    pub(crate) secrets: Secrets,
    /// Closers of groups; ended by [`Db::close`](crate::Db::close).
    pub(crate) tasks: Tasks,
    /// What the commits of this process change.
    pub(crate) changes: Changes,
    /// The last sequence number known to be given.
    pub(crate) bell: watch::Sender<u64>,
    /// Wakes the sequencer.
    pub(crate) work: Notify,
    commits: AtomicU64,
    statement_seconds: Histogram,
    commit_seconds: Histogram,
    group_size: Histogram,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(service: &'static str, engine: &'static str, secrets: Secrets) -> Self {
        let seconds =
            |kind| histogram!("denizen_db_seconds", "service" => service, "engine" => engine, "kind" => kind);
        Self {
            service,
            secrets,
            tasks: Tasks::new(),
            changes: Changes::default(),
            bell: watch::Sender::new(0),
            work: Notify::new(),
            commits: AtomicU64::new(0),
            statement_seconds: seconds("statement"),
            commit_seconds: seconds("commit"),
            group_size: histogram!("denizen_db_commit_operations", "service" => service, "engine" => engine),
        }
    }

    /// Notes a commit of so many operations.
    pub(crate) fn committed(&self, took: Duration, operations: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_seconds.record(took);
        self.group_size.record(f64::from(u32::try_from(operations).unwrap_or(u32::MAX)));
    }

    /// Notes a statement.
    pub(crate) fn stated(&self, took: Duration) {
        self.statement_seconds.record(took);
    }

    /// How many times the engine has committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Rings the bell if the sequence has gone on.
    pub(crate) fn announce(&self, head: i64) {
        let head = u64::try_from(head).unwrap_or(0);
        self.bell.send_if_modified(|known| {
            let is_news = head > *known;
            *known = head.max(*known);
            is_news
        });
    }
}
