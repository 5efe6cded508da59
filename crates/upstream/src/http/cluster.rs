//! [`Cluster`]: targets of HTTP that stand for each other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::task::Tasks;
use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tokio_util::sync::DropGuard;

use super::body::Body;
use super::discover;
use super::error::{BadCluster, SendError};
use super::inner::Inner;
use super::send::{Ask, Journey};
use super::spec::ClusterSpec;
use super::status::ClusterStatus;

/// Targets of HTTP that stand for each other: found, watched, balanced, and reached over connections that are used again.
///
/// A clone is the same cluster. With the last clone its tasks end and its idle connections close; answers that are still
/// being read go on.
#[derive(Clone)]
pub struct Cluster(Arc<Handle>);

struct Handle {
    inner: Arc<Inner>,
    _end: DropGuard,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a cluster: its health checks and its look-ups are tasks of `tasks`. Must be called within a Tokio runtime.
    pub fn start(spec: ClusterSpec, tasks: &Tasks) -> Result<Self, BadCluster> {
        let inner = Inner::new(spec, tasks)?;
        let sweeper = inner.clone();
        inner.spawn("upstream.idle", async move { sweep(&sweeper).await });
        discover::start(&inner)?;
        let end = inner.end.clone().drop_guard();
        Ok(Self(Arc::new(Handle { inner, _end: end })))
    }

    /// Sends a request to one of the targets, and to another where that is of use, and gives the head of the answer with
    /// a body that still comes.
    ///
    /// The request's target is path and query; its `Host` says which site is meant, and without one the target's own
    /// host is. The headers go out as they are: hop-by-hop ones must have been taken off (RFC 9110 §7.6.1).
    pub async fn send(&self, request: Request<Body>, ask: &Ask) -> Result<Response<Body>, SendError> {
        let inner = &self.0.inner;
        let pass = inner.admit(Instant::now())?;
        Journey::new(inner, ask, pass).run(request).await
    }

    /// How it is.
    pub fn status(&self) -> ClusterStatus {
        ClusterStatus::of(&self.0.inner)
    }

    /// What it was told.
    pub fn spec(&self) -> &ClusterSpec {
        &self.0.inner.spec
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        for target in self.inner.targets.load().iter() {
            target.leave();
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("name", &self.0.inner.spec.name).finish_non_exhaustive()
    }
}

/// Closes connections that have been idle for too long.
async fn sweep(inner: &Inner) {
    let interval = (inner.spec.pool.idle_timeout / 2).max(Duration::from_millis(100));
    loop {
        sleep(interval).await;
        for target in inner.targets.load_full().iter() {
            target.pool.sweep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server keeps room for this with each connection, also while that is idle.
    #[tokio::test]
    async fn what_a_request_needs_meanwhile_is_small() {
        let spec = ClusterSpec::new("test").with_target("http://127.0.0.1:9");
        let cluster = Cluster::start(spec, &Tasks::new()).unwrap();
        let ask = Ask::default();
        let size = std::mem::size_of_val(&cluster.send(Request::new(Body::empty()), &ask));
        assert!(size <= 5 * 1024, "{size} bytes");
    }
}
