//! How slowly a body may come: it has a first time, which what comes lengthens, and no pause may be as long as that.
//!
//! So a large upload over a slow line lives while it moves, and one that trickles or stands dies. Only waiting for the
//! client counts, not the time that the reader of the body takes (as `RequestReadTimeout` of Apache's `mod_reqtimeout`).

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pulse::Pulse;

/// Why a body that came too slowly ends.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request came too slowly")]
pub(crate) struct TooSlow;

/// The patience with a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The first time, and the longest pause.
    pub(crate) first: Duration,
    /// Bytes that are worth one second more.
    pub(crate) rate: u64,
}

/// A body that must come at a pace.
struct Paced {
    body: Body,
    pace: Pace,
    pulse: Arc<Pulse>,
    /// How long the client has let wait before the present wait.
    waited: Duration,
    received: u64,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

/// The body, held to a pace; the pulse is told while more of it may come. One that is whole already stays as it is.
pub(super) fn hold(body: Body, pace: Pace, pulse: Arc<Pulse>) -> Body {
    let is_whole = body.is_end_stream();
    pulse.note_unread(!is_whole);
    if is_whole {
        return body;
    }
    Body::new(Paced { body, pace, pulse, waited: Duration::ZERO, received: 0, waiting: None })
}

/// Whether an error of a body says that it came too slowly.
pub(crate) fn is_too_slow(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

// === impl Paced ===

impl Paced {
    /// How long the present wait may last.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.received / self.pace.rate.max(1));
        (self.pace.first + earned).saturating_sub(self.waited).min(self.pace.first)
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let Some((since, _)) = self.waiting.take() {
                self.waited += since.elapsed();
            }
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            if frame.is_none() || self.body.is_end_stream() {
                self.pulse.note_unread(false);
            }
            return Poll::Ready(frame);
        }
        let patience = self.patience();
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + patience)))
        });
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(axum::Error::new(TooSlow))))
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
    use futures::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    const PACE: Pace = Pace { first: Duration::from_secs(30), rate: 1024 };

    /// A body of so many parts, each of so many bytes and after so long.
    fn body(parts: u32, size: usize, pause: Duration) -> Body {
        let stream = stream::unfold(0, move |sent| async move {
            if sent == parts {
                return None;
            }
            tokio::time::sleep(pause).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; size])), sent + 1))
        });
        Body::from_stream(stream)
    }

    async fn outcome(body: Body) -> Result<usize, bool> {
        let whole = hold(body, PACE, Arc::new(Pulse::new())).collect().await;
        whole.map(|whole| whole.to_bytes().len()).map_err(|error| is_too_slow(&error))
    }

    #[tokio::test(start_paused = true)]
    async fn what_moves_lives_and_what_trickles_or_stands_dies() {
        let seconds = Duration::from_secs;
        assert_eq!(outcome(body(600, 2048, seconds(1))).await, Ok(600 * 2048), "ten minutes, but it moves");
        assert_eq!(outcome(body(100, 1, seconds(1))).await, Err(true), "a trickle");
        assert_eq!(outcome(body(2, 10_000_000, seconds(31))).await, Err(true), "a pause earns nothing");
        assert_eq!(outcome(body(2, 10, seconds(14))).await, Ok(20), "slow, but within the first time");
        assert_eq!(outcome(Body::from("x")).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_not_the_clients_fault() {
        let mut body = hold(body(5, 1, Duration::from_millis(1)), PACE, Arc::new(Pulse::new()));
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert_eq!(read, 5);
    }
}
