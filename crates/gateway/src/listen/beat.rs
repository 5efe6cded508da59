//! A request at work, so that its connection is not taken for idle: until it is answered, and when the answer is a
//! stream, until the stream has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};

use super::pulse::Pulse;

/// A request at work; ends when it is answered or its client has gone.
pub(super) struct Beat(Arc<Pulse>);

/// A stream that is still being answered.
struct Streaming {
    body: Body,
    _beat: Beat,
}

// === impl Beat ===

impl Beat {
    pub(super) fn begin(pulse: Arc<Pulse>, is_http2: bool) -> Self {
        pulse.begin(is_http2);
        Self(pulse)
    }

    /// Ends the beat with the answer: now when that is whole, else when its stream ends.
    pub(super) fn end_with(self, response: Response<Body>) -> Response<Body> {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| Body::new(Streaming { body, _beat: self }))
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl http_body::Body for Streaming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
