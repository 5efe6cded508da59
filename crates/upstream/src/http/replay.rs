//! [`Replay`]: the body of a request that can be sent again, as far as it fits.
//!
//! The first run passes the client's body on as it comes and keeps a copy (of counted references, not of bytes). A
//! later run sends the copy, then goes on with the client's. A body that grows over the limit is kept no longer: the
//! run that is under way goes on, but there will be no other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;

use super::body::{Body, BoxError};

/// A body and what of it has been kept.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<State>>);

/// One run of the body.
pub(crate) struct Replay {
    kept: Kept,
    run: u32,
    sent: usize,
    is_end: bool,
}

struct State {
    source: Body,
    parts: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    has_ended: bool,
    size: usize,
    limit: usize,
    is_over: bool,
    run: u32,
    hint: SizeHint,
}

/// A later run has begun: this one's connection is a leftover.
#[derive(Debug, thiserror::Error)]
#[error("the request is being sent again elsewhere")]
struct Superseded;

// === impl Kept ===

impl Kept {
    /// Keeps up to `limit` bytes of a body; none when it is known to be larger.
    pub(crate) fn new(source: Body, limit: usize) -> Result<Self, Body> {
        let hint = source.size_hint();
        if hint.lower() > limit as u64 {
            return Err(source);
        }
        let state = State {
            source,
            parts: Vec::new(),
            trailers: None,
            has_ended: false,
            size: 0,
            limit,
            is_over: false,
            run: 0,
            hint,
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Whether another run is possible.
    pub(crate) fn can_run(&self) -> bool {
        !self.lock().is_over
    }

    /// Begins a run; an earlier one ends with an error.
    pub(crate) fn run(&self) -> Replay {
        let mut state = self.lock();
        state.run += 1;
        Replay { kept: self.clone(), run: state.run, sent: 0, is_end: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Replay ===

impl Replay {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.kept.lock();
        if state.run != self.run {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(part) = state.parts.get(self.sent) {
            self.sent += 1;
            return Poll::Ready(Some(Ok(Frame::data(part.clone()))));
        }
        if state.has_ended {
            let trailers = if self.is_end { None } else { state.trailers.clone() };
            self.is_end = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let polled = Pin::new(&mut state.source).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => state.keep(frame),
            Poll::Ready(None) => state.has_ended = true,
            // A body that broke breaks again: it can't be sent twice.
            Poll::Ready(Some(Err(_))) => state.is_over = true,
            Poll::Pending => {}
        }
        self.sent = state.parts.len();
        self.is_end = state.has_ended;
        polled
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.is_end
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.kept.lock().hint.clone()
    }
}

// === impl State ===

impl State {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
            self.has_ended = true;
            return;
        }
        let Some(part) = frame.data_ref() else { return };
        self.size += part.len();
        if self.size > self.limit {
            self.is_over = true;
            self.parts = Vec::new();
        }
        if !self.is_over {
            self.parts.push(part.clone());
        }
        self.has_ended = self.source.is_end_stream();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::StreamExt as _;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::super::body::Outgoing;
    use super::*;

    fn body(parts: &[&'static str]) -> Body {
        let frames: Vec<_> = parts
            .iter()
            .map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from_static(part.as_bytes()))))
            .collect();
        Body::new(StreamBody::new(futures::stream::iter(frames)))
    }

    async fn all(replay: Replay) -> Result<Bytes, BoxError> {
        Ok(Outgoing::again(replay).collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn what_was_sent_is_sent_again_and_then_the_rest() {
        let kept = Kept::new(body(&["one", "two", "three"]), 100).unwrap();
        let mut first = Outgoing::again(kept.run());
        first.frame().await.unwrap().unwrap();
        assert_eq!(all(kept.run()).await.unwrap(), "onetwothree");
        assert!(first.frame().await.unwrap().is_err(), "the first run is over");
        assert_eq!(all(kept.run()).await.unwrap(), "onetwothree");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_goes_on_but_not_again() {
        let kept = Kept::new(body(&["one", "two", "three"]), 5).unwrap();
        assert_eq!(all(kept.run()).await.unwrap(), "onetwothree");
        assert!(!kept.can_run());
        let declared = http_body_util::Full::new(Bytes::from_static(b"123456"));
        assert!(Kept::new(Body::new(declared), 5).is_err(), "declared larger: not even tried");
    }

    #[tokio::test]
    async fn a_body_that_broke_is_not_sent_again() {
        let frames = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"x")))])
            .chain(futures::stream::iter([Err(std::io::Error::other("gone"))]));
        let kept = Kept::new(Body::new(StreamBody::new(frames)), 100).unwrap();
        assert!(all(kept.run()).await.is_err());
        assert!(!kept.can_run());
    }

    #[tokio::test]
    async fn trailers_come_again_too() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let frames =
            [Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), Ok(Frame::trailers(trailers))];
        let kept = Kept::new(Body::new(StreamBody::new(futures::stream::iter(frames))), 100).unwrap();
        for _ in 0..2 {
            let whole = Outgoing::again(kept.run()).collect().await.unwrap();
            assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
            assert_eq!(whole.to_bytes(), "x");
        }
    }
}
