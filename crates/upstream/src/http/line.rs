//! [`Line`]: an HTTP/1 connection to a target that has no task of its own.
//!
//! hyper's connection is a future that somebody has to poll. Usually a task is spawned for it, and each request costs
//! two changes of tasks. Here the request polls it, and later the body of the answer; in between the connection lies in
//! the pool and nobody does. Only where the answer's reader may not be the one who keeps the upload going is
//! the connection given a task.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};

use super::body::Outgoing;
use super::connect::Io;

/// An HTTP/1 connection.
pub(crate) struct Line {
    sender: http1::SendRequest<Outgoing>,
    connection: http1::Connection<Io, Outgoing>,
}

/// A request that was not answered, with the request if it was not even written.
pub(crate) type Unanswered = TrySendError<Request<Outgoing>>;

// === impl Line ===

impl Line {
    pub(crate) fn new(
        sender: http1::SendRequest<Outgoing>,
        connection: http1::Connection<Io, Outgoing>,
    ) -> Self {
        Self { sender, connection }
    }

    /// Whether another request can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Lets the connection work. True when it has ended: then it must not be polled again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        match Pin::new(&mut self.connection).poll(cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "a connection to a target broke");
                true
            }
            Poll::Pending => false,
        }
    }

    /// Sends a request and waits for the head of its answer. The connection is given back unless it has ended.
    pub(crate) async fn exchange(
        mut line: Box<Self>,
        request: Request<Outgoing>,
    ) -> Result<(Response<Incoming>, Option<Box<Self>>), Unanswered> {
        let mut reply = pin!(line.sender.try_send_request(request));
        let mut line = Some(line);
        let response = poll_fn(|cx| {
            if line.as_mut().is_some_and(|line| line.poll(cx)) {
                // What the connection has not read any more is given back when it is dropped.
                line = None;
            }
            // The reply is only ever made by polling the connection, which is done here, so it needs no waker.
            reply.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        Ok((response.await?, line))
    }

    /// Sends a request that asks for another protocol. The connection gets a task, which ends when it is handed over
    /// or closed.
    pub(crate) async fn exchange_for_upgrade(
        line: Box<Self>,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let Self { mut sender, connection } = *line;
        let reply = sender.try_send_request(request);
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to a target broke");
            }
        });
        reply.await
    }

    /// Gives the connection a task, in which it ends by itself after the exchange that is under way.
    pub(crate) fn detach(self: Box<Self>) {
        let Self { sender, connection } = *self;
        drop(sender);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a target broke");
            }
        });
    }
}
