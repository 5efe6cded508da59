//! A request at work, so that its connection is not taken for idle: until it is answered, and when the answer is more
//! than a little, until the client has taken it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};

use super::pulse::Pulse;

/// The largest answer that is taken for given as soon as it is made: it fits into the buffers of a socket.
const AT_ONCE: u64 = 64 * 1024;

/// A request at work; ends when it is answered or its client has gone.
#[derive(Debug)]
pub(crate) struct Beat {
    pulse: Arc<Pulse>,
    /// Whether its client waits for us.
    owes: bool,
}

/// A stream that is still being answered.
struct Streaming {
    body: Body,
    beat: Beat,
}

// === impl Beat ===

impl Beat {
    pub(super) fn begin(pulse: Arc<Pulse>, is_http2: bool) -> Self {
        pulse.begin(is_http2);
        Self { pulse, owes: true }
    }

    /// Ends the beat with the answer: now when that is whole, else when its stream ends.
    pub(super) fn end_with(mut self, response: Response<Body>) -> Response<Body> {
        if response.body().size_hint().exact().is_some_and(|length| length <= AT_ONCE) {
            return response;
        }
        self.owe(false);
        response.map(|body| Body::new(Streaming { body, beat: self }))
    }

    /// Notes whether the client now waits for us, or we for the client.
    fn owe(&mut self, owes: bool) {
        if self.owes != owes {
            self.owes = owes;
            self.pulse.note_owing(owes);
        }
        self.pulse.note_moved();
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        if self.owes {
            self.pulse.note_owing(false);
        }
        self.pulse.end();
    }
}

impl http_body::Body for Streaming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.beat.owe(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
