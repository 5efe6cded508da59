//! The orderly end: open requests finish, upgraded connections say farewell, and what is open then is cut.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::places::Place;

/// How long after the last request was answered a connection that still writes is cut at the end.
const FAREWELL: Duration = Duration::from_millis(100);

/// What all connections know of the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    pub(super) connections: TaskTracker,
    /// Cancelled when no more requests shall come.
    pub(super) closing: CancellationToken,
    /// Cancelled when whatever is open is cut.
    pub(super) cut: CancellationToken,
}

/// The end of the node as an upgraded connection needs it: while a clone lives, the node waits for it, at most for
/// `gateway.drain_timeout`, and it holds its place among all connections.
#[derive(Clone, Debug)]
pub(crate) struct Drain(Arc<Held>);

#[derive(Debug)]
struct Held {
    ending: Ending,
    _token: TaskTrackerToken,
    _place: Place,
}

// === impl Ending ===

impl Ending {
    /// What a connection holds on to.
    pub(super) fn hold(&self, place: Place) -> Drain {
        Drain(Arc::new(Held { ending: self.clone(), _token: self.connections.token(), _place: place }))
    }

    /// Lets the open requests finish, and what was upgraded say farewell, at most so long.
    pub(super) async fn drain(&self, limit: Duration) {
        self.closing.cancel();
        self.connections.close();
        if tokio::time::timeout(limit, self.connections.wait()).await.is_err() {
            let open = self.connections.len();
            tracing::warn!(open, "connections are cut: their requests did not end in time");
        }
        self.cut.cancel();
        let _ = tokio::time::timeout(FAREWELL, self.connections.wait()).await;
    }
}

// === impl Drain ===

#[cfg_attr(not(test), expect(dead_code, reason = "for upgraded connections"))]
impl Drain {
    /// Ends when the node begins to stop: time to say farewell.
    pub(crate) async fn closing(&self) {
        self.0.ending.closing.cancelled().await;
    }

    /// Ends when the time for that is over: whatever is open then is cut.
    pub(crate) async fn cut(&self) {
        self.0.ending.cut.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::super::places::PerAddress;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn place(of_all: &Arc<Semaphore>) -> Place {
        let permit = of_all.clone().try_acquire_owned().unwrap();
        Place::take(permit, &Arc::new(PerAddress::default()), None).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_upgraded_connection_is_told_waited_for_and_gives_its_place_back() {
        let (ending, all) = (Ending::default(), Arc::new(Semaphore::new(1)));
        let drain = ending.hold(place(&all));
        let upgraded = tokio::spawn(async move {
            drain.closing().await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        assert_eq!(all.available_permits(), 0);
        let began = Instant::now();
        ending.drain(LIMIT).await;
        assert_eq!(began.elapsed().as_secs(), 5, "its farewell is waited for");
        assert!(upgraded.is_finished() && all.available_permits() == 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_go_is_cut() {
        let (ending, all) = (Ending::default(), Arc::new(Semaphore::new(1)));
        let drain = ending.hold(place(&all));
        let upgraded = tokio::spawn(async move { drain.cut().await });
        let began = Instant::now();
        ending.drain(LIMIT).await;
        assert_eq!(began.elapsed().as_secs(), 30);
        assert!(upgraded.is_finished());
    }
}
