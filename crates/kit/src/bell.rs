//! A bell within one process: wakes the streams to other processes when what they tell of has changed.

use tokio::sync::watch;

/// What the bell shows.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    rings: u64,
    closed: bool,
}

/// Wakes the streams that listen. It carries nothing: what has changed stands in a table.
#[derive(Clone, Debug, Default)]
pub struct Bell(watch::Sender<State>);

/// One stream's ear.
#[derive(Debug)]
pub struct Listener(watch::Receiver<State>);

// === impl Bell ===

impl Bell {
    /// Says that something has changed, durably.
    pub fn ring(&self) {
        self.0.send_modify(|state| state.rings += 1);
    }

    /// Lets all streams end.
    pub fn close(&self) {
        self.0.send_modify(|state| state.closed = true);
    }

    /// An ear that hears what is rung from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

// === impl Listener ===

impl Listener {
    /// Whether the streams are to end.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }

    /// Waits for the next ring; one that came while nobody waited counts.
    pub async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The bell is gone with its service; the stream that held it is about to be dropped.
            std::future::pending::<()>().await;
        }
    }
}
