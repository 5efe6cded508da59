//! The bell of revocations: wakes the streams of this process when it has ended a session.

use tokio::sync::watch;

/// What the bell shows.
#[derive(Clone, Copy, Debug, Default)]
struct Bell {
    rings: u64,
    closed: bool,
}

/// Wakes the streams of revocations. It carries nothing: what was revoked stands in the table.
#[derive(Debug, Default)]
pub struct Feed {
    bell: watch::Sender<Bell>,
}

/// One stream's ear.
#[derive(Debug)]
pub(crate) struct Listener(watch::Receiver<Bell>);

// === impl Feed ===

impl Feed {
    /// Says that sessions have ended, durably.
    pub(crate) fn ring(&self) {
        self.bell.send_modify(|bell| bell.rings += 1);
    }

    /// Lets all streams end.
    pub(crate) fn close(&self) {
        self.bell.send_modify(|bell| bell.closed = true);
    }

    /// An ear that hears what is rung from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener(self.bell.subscribe())
    }
}

// === impl Listener ===

impl Listener {
    /// Whether the streams are to end.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }

    /// Waits for the next ring; one that came while nobody waited counts.
    pub(crate) async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The bell is gone with its service; the stream that held it is about to be dropped.
            std::future::pending::<()>().await;
        }
    }
}
