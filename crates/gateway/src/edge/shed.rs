//! Shedding: so many requests at once and no more, in the process and in each route.
//!
//! A permit lives until the body of the answer has been sent, or was given up; of a connection that has become another
//! protocol, until that ends. Who gets none is refused at once: an answer in time for some is better than one too late
//! for all.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use denizen_kit::problem::{Code, Problem};
use http_body::{Frame, SizeHint};
use metrics::{Counter, Gauge};
use serde::Serialize;

use crate::faces::failure::Failure;

/// When a refused client may try again.
const RETRY: Duration = Duration::from_secs(1);

/// How many at once, of a process or of a route.
#[derive(Clone, Debug)]
pub(crate) struct Concurrency(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// 0 for any number.
    limit: usize,
    in_flight: AtomicUsize,
    shed: AtomicU64,
    shed_counter: Counter,
    gauge: Gauge,
}

/// The right to be answered. Clones are the same right, which ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Permit([Option<Arc<Held>>; 2]);

#[derive(Debug)]
struct Held(Arc<Inner>);

/// How many there are, for the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InFlight {
    /// The most at once; 0 for any number.
    pub(crate) limit: usize,
    /// Now.
    pub(crate) now: usize,
    /// Refused since the process began.
    pub(crate) shed: u64,
}

// === impl Concurrency ===

impl Concurrency {
    /// At most `limit` at once; 0 for any number. `scope` is `process`, or the name of a route.
    pub(crate) fn new(scope: &str, limit: usize) -> Self {
        let scope = scope.to_owned();
        Self(Arc::new(Inner {
            limit,
            in_flight: AtomicUsize::new(0),
            shed: AtomicU64::new(0),
            shed_counter: metrics::counter!("denizen_shed_total", "scope" => scope.clone()),
            gauge: metrics::gauge!("denizen_in_flight", "scope" => scope),
        }))
    }

    /// The right to be answered, or the refusal.
    pub(crate) fn admit(&self) -> Result<Permit, Failure> {
        let inner = &self.0;
        let most = if inner.limit == 0 { usize::MAX } else { inner.limit };
        let more = |count: usize| (count < most).then_some(count + 1);
        if inner.in_flight.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_err() {
            inner.shed.fetch_add(1, Ordering::Relaxed);
            inner.shed_counter.increment(1);
            return Err(Problem::of(Code::Overloaded).retry_in(RETRY).into());
        }
        inner.gauge.increment(1.0);
        Ok(Permit([Some(Arc::new(Held(inner.clone()))), None]))
    }

    /// How many there are.
    pub(crate) fn status(&self) -> InFlight {
        InFlight {
            limit: self.0.limit,
            now: self.0.in_flight.load(Ordering::Relaxed),
            shed: self.0.shed.load(Ordering::Relaxed),
        }
    }
}

// === impl Permit ===

impl Permit {
    /// Both at once: that of the process, and that of the route, each as it was given.
    pub(crate) fn and(self, other: Self) -> Self {
        let ([first, _], [second, _]) = (self.0, other.0);
        Self([first, second])
    }

    /// The answer, whose body holds the permit to its end.
    ///
    /// An answer that changes the protocol has no body to hold it: whoever speaks the new protocol takes a clone from
    /// the request's extensions and keeps it until the connection ends.
    pub(crate) fn hold(self, response: Response) -> Response {
        response.map(|body| Body::new(Holding { body, permit: Some(self) }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.0.gauge.decrement(1.0);
    }
}

/// A body with a permit.
#[derive(Debug)]
struct Holding {
    body: Body,
    permit: Option<Permit>,
}

impl http_body::Body for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::sync::{Mutex, mpsc};
    use tokio::time::{sleep, timeout};

    use super::*;

    fn in_flight(limit: &Concurrency) -> usize {
        limit.status().now
    }

    #[tokio::test]
    async fn a_permit_lives_until_the_body_ends() {
        let limit = Concurrency::new("process", 1);
        let (sender, mut receiver) = mpsc::unbounded_channel::<Result<Frame<Bytes>, std::io::Error>>();
        let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        let response = Response::new(Body::new(StreamBody::new(stream)));
        let mut body = limit.admit().unwrap().hold(response).into_body();
        sender.send(Ok(Frame::data(Bytes::from_static(b"a")))).unwrap();
        body.frame().await.unwrap().unwrap();
        let refused = limit.admit().unwrap_err().render("", "");
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &1.into()));
        let text = refused.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&text).contains("\"overloaded\""));
        drop(sender);
        assert!(body.frame().await.is_none());
        assert_eq!(in_flight(&limit), 0, "though the body itself is still there");
        assert!(limit.admit().is_ok());
        assert_eq!(limit.status(), InFlight { limit: 1, now: 0, shed: 1 });
    }

    #[tokio::test]
    async fn a_body_that_breaks_or_is_given_up_frees_its_permit() {
        let limit = Concurrency::new("r", 1);
        drop(limit.admit().unwrap().hold(Response::new(Body::from("a"))));
        assert_eq!(in_flight(&limit), 0);
        let broken = futures::stream::once(async { Err::<Frame<Bytes>, _>(std::io::Error::other("gone")) });
        let mut body =
            limit.admit().unwrap().hold(Response::new(Body::new(StreamBody::new(broken)))).into_body();
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(in_flight(&limit), 0);
    }

    #[tokio::test]
    async fn a_clone_holds_an_upgraded_connection_and_both_limits() {
        let (process, route) = (Concurrency::new("process", 2), Concurrency::new("r", 1));
        let permit = process.admit().unwrap().and(route.admit().unwrap());
        let socket = permit.clone();
        drop(permit.hold(http::StatusCode::SWITCHING_PROTOCOLS.into_response()));
        assert_eq!((in_flight(&process), in_flight(&route)), (1, 1));
        assert!(route.admit().is_err());
        drop(socket);
        assert_eq!((in_flight(&process), in_flight(&route)), (0, 0));
    }

    #[test]
    fn the_limit_is_exact_under_many_threads_and_0_is_none() {
        let limit = Concurrency::new("process", 10);
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let permit = limit.admit();
                        most.fetch_max(in_flight(&limit), Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 10);
        assert_eq!(in_flight(&limit), 0);
        let any = Concurrency::new("process", 0);
        let permits: Vec<_> = (0..1000).map(|_| any.admit().unwrap()).collect();
        assert_eq!(in_flight(&any), permits.len());
    }

    /// How many of the requests that come in a second, ten times as many as can be answered, are answered within 100 ms.
    /// Answering takes 1 ms of the one processor, and goes on when the client has left, as most work does.
    async fn goodput(limit: usize) -> usize {
        let (limit, processor) = (Concurrency::new("process", limit), Arc::new(Mutex::new(())));
        let answered = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        for _ in 0..1000 {
            for _ in 0..10 {
                let Ok(permit) = limit.admit() else { continue };
                let processor = processor.clone();
                let work = tokio::spawn(async move {
                    let _processor = processor.lock().await;
                    sleep(Duration::from_millis(1)).await;
                    drop(permit);
                });
                let answered = answered.clone();
                clients.push(tokio::spawn(async move {
                    if timeout(Duration::from_millis(100), work).await.is_ok() {
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                }));
            }
            sleep(Duration::from_millis(1)).await;
        }
        futures::future::join_all(clients).await;
        answered.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn ten_times_too_many_leave_most_of_the_work_useful() {
        let peak = 1000;
        let with_limit = goodput(50).await;
        assert!(with_limit >= peak * 8 / 10, "{with_limit} of {peak}");
        let without = goodput(0).await;
        assert!(without < peak / 2, "without a limit nearly all come too late: {without} of {peak}");
    }
}
