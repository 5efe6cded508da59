//! [`AnswerBody`]: the body of an answer, which keeps its connection at work and gives it back at its end.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::{Body, BoxError};
use super::flight::Flight;
use super::line::Line;
use super::streams::Place;

/// Who keeps the connection of an answer at work.
pub(crate) enum Drive {
    /// Whoever reads the answer.
    Reader(Box<Line>),
    /// A task of an HTTP/2 connection, in which the answer has a place until it has ended.
    Shared { _place: Place },
    /// A task that ends with the exchange, or nobody since the connection has ended.
    Apart,
}

/// The body of an answer.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    /// A part that came with the head.
    first: Option<Result<Frame<Bytes>, hyper::Error>>,
    drive: Drive,
    /// Counts the request until the body has ended.
    flight: Option<Flight>,
    patience: Patience,
}

/// What of a body came with its head.
enum First {
    All(Bytes),
    Part(Result<Frame<Bytes>, hyper::Error>),
    Nothing,
}

/// The time limit between two parts.
struct Patience {
    limit: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("the target sent nothing for {0:?} within an answer")]
struct Silent(Duration);

/// The answer with a body that drives its connection. What came whole with the head is taken off at once, so that the
/// connection is free again.
pub(crate) fn answer(
    response: Response<Incoming>,
    drive: Drive,
    flight: Flight,
    idle: Option<Duration>,
) -> Response<Body> {
    let (parts, incoming) = response.into_parts();
    let patience = Patience { limit: idle, sleep: None };
    let mut body = AnswerBody { incoming, first: None, drive, flight: Some(flight), patience };
    if body.incoming.is_end_stream() {
        body.end();
        return Response::from_parts(parts, Body::empty());
    }
    if matches!(body.drive, Drive::Reader(_)) {
        match body.take_first() {
            First::All(bytes) => {
                body.end();
                return Response::from_parts(parts, Body::from(bytes));
            }
            First::Part(first) => body.first = Some(first),
            First::Nothing => {}
        }
    }
    Response::from_parts(parts, Body::of_answer(body))
}

// === impl AnswerBody ===

impl AnswerBody {
    /// What came with the head: all of the body, or its first part, or that there is none.
    fn take_first(&mut self) -> First {
        let mut nobody = Context::from_waker(Waker::noop());
        let first = match Pin::new(&mut self.incoming).poll_frame(&mut nobody) {
            Poll::Ready(Some(first)) => first,
            Poll::Ready(None) => return First::All(Bytes::new()),
            Poll::Pending => return First::Nothing,
        };
        match first.map(Frame::into_data) {
            Ok(Ok(bytes)) if self.incoming.is_end_stream() => First::All(bytes),
            Ok(Ok(bytes)) => First::Part(Ok(Frame::data(bytes))),
            Ok(Err(frame)) => First::Part(Ok(frame)),
            Err(error) => First::Part(Err(error)),
        }
    }

    /// The next part, with the connection driven if that is ours to do.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Drive::Reader(line) = &mut self.drive else {
            return Pin::new(&mut self.incoming).poll_frame(cx);
        };
        // Parts are only made by polling the connection, which is done here: they need no waker.
        let mut nobody = Context::from_waker(Waker::noop());
        let there = Pin::new(&mut self.incoming).poll_frame(&mut nobody);
        if there.is_ready() {
            return there;
        }
        if line.poll(cx) {
            self.drive = Drive::Apart;
            return Pin::new(&mut self.incoming).poll_frame(cx);
        }
        Pin::new(&mut self.incoming).poll_frame(&mut nobody)
    }

    /// The answer has ended well: its connection can be used again.
    fn end(&mut self) {
        let drive = std::mem::replace(&mut self.drive, Drive::Apart);
        let Some(flight) = self.flight.take() else { return };
        if let Drive::Reader(line) = drive
            && line.is_ready()
        {
            flight.target().pool.give_back(line);
        }
    }

    fn fail(&mut self) {
        self.drive = Drive::Apart;
        if let Some(mut flight) = self.flight.take() {
            flight.broke();
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let next = match this.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => this.poll_incoming(cx),
        };
        match next {
            Poll::Ready(Some(Ok(frame))) => {
                this.patience.rest();
                if this.incoming.is_end_stream() {
                    this.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.fail();
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.end();
                Poll::Ready(None)
            }
            Poll::Pending => match this.patience.poll(cx) {
                Some(limit) => {
                    this.fail();
                    Poll::Ready(Some(Err(Silent(limit).into())))
                }
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.incoming.size_hint();
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |bytes| bytes.len() as u64),
            Some(Err(_)) | None => 0,
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}

// === impl Patience ===

impl Patience {
    /// Something came: the time begins anew with the next wait.
    fn rest(&mut self) {
        self.sleep = None;
    }

    /// The limit, once it has been waited out.
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        let limit = self.limit?;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        sleep.as_mut().poll(cx).is_ready().then_some(limit)
    }
}
