//! The body of an answer that goes to a client while it is being kept.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;

/// A part of the body.
#[derive(Debug)]
pub(super) enum Piece {
    Frame(Frame<Bytes>),
    /// All that is left, which is not kept: whoever reads it takes it from the upstream at their own pace.
    Rest(Body),
    Failed(axum::Error),
    /// There is no more. Without it the body was cut off, and its reader must know.
    End,
}

/// The body. What it holds back is what may be kept at most, so that a slow client delays nobody.
#[derive(Debug)]
pub(super) struct Tee {
    pieces: mpsc::UnboundedReceiver<Piece>,
    rest: Option<Body>,
}

impl Tee {
    pub(super) fn pair() -> (mpsc::UnboundedSender<Piece>, Body) {
        let (sender, pieces) = mpsc::unbounded_channel();
        (sender, Body::new(Self { pieces, rest: None }))
    }
}

impl http_body::Body for Tee {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(rest) = &mut self.rest {
            return Pin::new(rest).poll_frame(context);
        }
        match ready!(self.pieces.poll_recv(context)) {
            None => Poll::Ready(Some(Err(axum::Error::new("the answer was cut off")))),
            Some(Piece::End) => {
                self.rest = Some(Body::empty());
                Poll::Ready(None)
            }
            Some(Piece::Frame(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Piece::Failed(error)) => Poll::Ready(Some(Err(error))),
            Some(Piece::Rest(rest)) => {
                self.rest = Some(rest);
                self.poll_frame(context)
            }
        }
    }
}
