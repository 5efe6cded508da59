//! The bell of IP blocks: wakes the streams of this process when it has changed one.

use tokio::sync::watch;

/// What the bell shows.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    rings: u64,
    closed: bool,
}

/// Wakes the streams. It carries nothing: what is blocked stands in the table.
#[derive(Clone, Debug, Default)]
pub struct Bell(watch::Sender<State>);

/// One stream's ear.
#[derive(Debug)]
pub(crate) struct Listener(watch::Receiver<State>);

// === impl Bell ===

impl Bell {
    /// Says that a block has changed, durably.
    pub(crate) fn ring(&self) {
        self.0.send_modify(|state| state.rings += 1);
    }

    /// Lets all streams end.
    pub(crate) fn close(&self) {
        self.0.send_modify(|state| state.closed = true);
    }

    /// An ear that hears what is rung from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
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
