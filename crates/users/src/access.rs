//! The end of the streams to gateways: they run as long as the node does.

use tokio::sync::watch;

/// Lets the streams of this process end with the node.
#[derive(Debug, Default)]
pub struct Access {
    closed: watch::Sender<bool>,
}

// === impl Access ===

impl Access {
    /// Lets all streams end.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Waits until the streams are to end.
    pub(crate) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives in the service that the stream holds, so the wait ends with the word only.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}
