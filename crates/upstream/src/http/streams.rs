//! [`Streams`]: an HTTP/2 connection to a target, shared by as many requests as the target allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;

use super::body::Outgoing;
use super::line::Unanswered;

/// An HTTP/2 connection. Its driver is a task of its own.
pub(crate) struct Streams {
    sender: http2::SendRequest<Outgoing>,
    active: AtomicUsize,
    /// As many as the target says; the driver keeps it up to date.
    limit: Arc<AtomicUsize>,
}

/// A place for one request on an HTTP/2 connection, until the body of its answer has ended.
pub(crate) struct Place(Arc<Streams>);

// === impl Streams ===

impl Streams {
    pub(crate) fn new(sender: http2::SendRequest<Outgoing>, limit: Arc<AtomicUsize>) -> Self {
        Self { sender, active: AtomicUsize::new(0), limit }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.active() < self.limit.load(Ordering::Relaxed).max(1)
    }

    /// Takes a place, even one more than there is room for: the request then waits for its stream.
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        self.active.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }
}

// === impl Place ===

impl Place {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(
        &self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Unanswered> {
        self.0.sender.clone().try_send_request(request).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a stream was surely never worked on, so that its request may be sent again whatever its method: it was
/// refused, or the target had announced that it takes no more (RFC 9113 §8.7).
pub(crate) fn was_refused(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            let is_leaving = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_remote() && (is_refused || is_leaving);
        }
        source = cause.source();
    }
    false
}
