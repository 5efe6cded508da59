//! [`Counters`]: what a cluster has done since it started, for its status and for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, counter};

/// What a cluster has done since it started.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) requests: Count,
    pub(crate) failures: Count,
    pub(crate) retries: Count,
    pub(crate) retries_denied: Count,
    pub(crate) refused: Count,
    pub(crate) timeouts: Count,
    pub(crate) ejections: Count,
}

/// One of them. The metrics go on counting when another cluster takes over the name; the status begins anew.
#[derive(Debug)]
pub(crate) struct Count {
    since_start: AtomicU64,
    metric: Counter,
}

// === impl Counters ===

impl Counters {
    /// Those of a cluster of this name.
    pub(crate) fn new(cluster: &str) -> Self {
        let name = || cluster.to_owned();
        Self {
            requests: Count::of(counter!("denizen_upstream_requests_total", "upstream" => name())),
            failures: Count::of(counter!("denizen_upstream_failures_total", "upstream" => name())),
            retries: Count::of(counter!("denizen_upstream_retries_total", "upstream" => name())),
            retries_denied: Count::of(
                counter!("denizen_upstream_retries_denied_total", "upstream" => name()),
            ),
            refused: Count::of(counter!("denizen_upstream_refused_total", "upstream" => name())),
            timeouts: Count::of(counter!("denizen_upstream_timeouts_total", "upstream" => name())),
            ejections: Count::of(counter!("denizen_upstream_ejections_total", "upstream" => name())),
        }
    }
}

// === impl Count ===

impl Count {
    fn of(metric: Counter) -> Self {
        Self { since_start: AtomicU64::new(0), metric }
    }

    /// One more.
    pub(crate) fn add(&self) {
        self.since_start.fetch_add(1, Ordering::Relaxed);
        self.metric.increment(1);
    }

    /// How many since the cluster started.
    pub(crate) fn get(&self) -> u64 {
        self.since_start.load(Ordering::Relaxed)
    }
}
