//! The pulse of a connection: what it does and since when, so that one that only stands there can be ended.
//!
//! hyper bounds the time of a head, but counts the idle time before it in, and knows nothing of the time before the
//! first byte. So the bytes are watched where they come in.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::farewell::Farewell;
use super::heads::Heads;
use super::stream::Stream;

/// What a connection does and since when.
#[derive(Debug)]
pub(super) struct Pulse {
    started: Instant,
    active: AtomicU32,
    /// Of those, the ones whose answer is not there: their client waits for us.
    owing: AtomicU32,
    /// Milliseconds after `started`, plus one, of the first byte of a head that is not complete; 0 for none.
    head_since: AtomicU64,
    /// Milliseconds after `started` of the end of the last request.
    idle_since: AtomicU64,
    /// Milliseconds after `started` of the last part of an answer that the client took.
    moved: AtomicU64,
    has_served: AtomicBool,
    is_http2: AtomicBool,
    /// Whether a head gave two lengths for its body.
    has_two_lengths: AtomicBool,
    /// Whether the connection shall take no more requests.
    is_retiring: AtomicBool,
    /// Whether the body of the last request has not been read to its end.
    is_unread: AtomicBool,
}

/// The limits that a pulse is held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long a head may take, and the first one after connecting.
    pub(super) head: Duration,
    /// How long nothing may happen between requests.
    pub(super) idle: Duration,
}

// === impl Pulse ===

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            active: AtomicU32::new(0),
            owing: AtomicU32::new(0),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            has_served: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            has_two_lengths: AtomicBool::new(false),
            is_retiring: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
        }
    }

    /// Notes that a request has come in whole.
    pub(super) fn begin(&self, is_http2: bool) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.note_owing(true);
        self.head_since.store(0, Ordering::Relaxed);
        self.has_served.store(true, Ordering::Relaxed);
        self.is_http2.store(is_http2, Ordering::Relaxed);
    }

    /// Notes that a request has been answered.
    pub(super) fn end(&self) {
        self.idle_since.store(self.elapsed(), Ordering::Relaxed);
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes whether one request more waits for us, or no longer does.
    pub(super) fn note_owing(&self, owes: bool) {
        if owes {
            self.owing.fetch_add(1, Ordering::Relaxed);
        } else {
            self.owing.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Notes that a client took a part of an answer.
    pub(super) fn note_moved(&self) {
        self.moved.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Until when the connection may go on as it is; none while somebody waits for us. A client that does not take what
    /// is there has the time of one that asks for nothing.
    pub(super) fn due(&self, patience: Patience) -> Option<Instant> {
        if self.owing.load(Ordering::Relaxed) > 0 {
            return None;
        }
        if self.active.load(Ordering::Relaxed) > 0 {
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            return Some(self.started + moved + patience.idle);
        }
        if !self.has_served.load(Ordering::Relaxed) {
            return Some(self.started + patience.head);
        }
        match self.head_since.load(Ordering::Relaxed) {
            0 => Some(
                self.started + Duration::from_millis(self.idle_since.load(Ordering::Relaxed)) + patience.idle,
            ),
            since => Some(self.started + Duration::from_millis(since - 1) + patience.head),
        }
    }

    /// Whether a head that gives two lengths has come since this was asked last.
    pub(super) fn take_two_lengths(&self) -> bool {
        self.has_two_lengths.swap(false, Ordering::Relaxed)
    }

    /// Notes that the connection is old. Whether it speaks HTTP/2, which has a word for that.
    pub(super) fn retire(&self) -> bool {
        self.is_retiring.store(true, Ordering::Relaxed);
        self.is_http2.load(Ordering::Relaxed)
    }

    /// Whether the next answer is the last.
    pub(super) fn is_retiring(&self) -> bool {
        self.is_retiring.load(Ordering::Relaxed)
    }

    /// Whether the client may still be sending when the connection ends: a body, a head, or frames.
    fn still_sends(&self) -> bool {
        self.is_unread.load(Ordering::Relaxed)
            || self.head_since.load(Ordering::Relaxed) > 0
            || self.is_http2.load(Ordering::Relaxed)
    }

    /// Notes whether more of a body may come.
    pub(super) fn note_unread(&self, is_unread: bool) {
        self.is_unread.store(is_unread, Ordering::Relaxed);
    }

    fn note_read(&self) {
        // HTTP/2 sends pings and window updates between requests: its bytes say nothing about heads.
        let is_counted = self.active.load(Ordering::Relaxed) == 0 && !self.is_http2.load(Ordering::Relaxed);
        if is_counted && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.elapsed() + 1, Ordering::Relaxed);
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A connection whose reads are noted.
#[derive(Debug)]
pub(super) struct Watched {
    io: Stream,
    pulse: Arc<Pulse>,
    heads: Heads,
    farewell: Farewell,
}

// === impl Watched ===

impl Watched {
    pub(super) fn new(io: Stream, pulse: Arc<Pulse>) -> Self {
        Self { io, pulse, heads: Heads::default(), farewell: Farewell::default() }
    }

    /// What goes out over HTTP/1 is an answer; over HTTP/2 it may be a ping, which is no progress.
    fn note_written(&self, written: &Poll<io::Result<usize>>) {
        let is_answer = matches!(written, Poll::Ready(Ok(1..)));
        if is_answer && !self.pulse.is_http2.load(Ordering::Relaxed) {
            self.pulse.note_moved();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.io).poll_read(cx, buffer);
        if outcome.is_ready() {
            self.pulse.note_read();
            let is_http1 = !self.pulse.is_http2.load(Ordering::Relaxed);
            if is_http1 && self.heads.feed(&buffer.filled()[before..]) {
                self.pulse.has_two_lengths.store(true, Ordering::Relaxed);
            }
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.note_written(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = &mut *self;
        let still_sends = watched.pulse.still_sends();
        watched.farewell.poll(&mut watched.io, cx, still_sends)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        self.note_written(&written);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { head: Duration::from_secs(10), idle: Duration::from_secs(75) };

    fn left(pulse: &Pulse) -> Option<u64> {
        pulse.due(PATIENCE).map(|due| due.saturating_duration_since(Instant::now()).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_has_the_time_that_its_state_gives() {
        let pulse = Pulse::new();
        assert_eq!(left(&pulse), Some(10), "the first head");
        tokio::time::advance(Duration::from_secs(4)).await;
        pulse.note_read();
        assert_eq!(left(&pulse), Some(6), "bytes do not lengthen it");
        pulse.begin(false);
        assert_eq!(left(&pulse), None, "it works");
        tokio::time::advance(Duration::from_secs(60)).await;
        pulse.note_owing(false);
        pulse.note_moved();
        assert_eq!(left(&pulse), Some(75), "it waits for its client to take the answer");
        tokio::time::advance(Duration::from_secs(70)).await;
        assert_eq!(left(&pulse), Some(5), "which takes nothing");
        pulse.note_moved();
        assert_eq!(left(&pulse), Some(75), "or something");
        pulse.end();
        assert_eq!(left(&pulse), Some(75), "idle");
        tokio::time::advance(Duration::from_secs(70)).await;
        pulse.note_read();
        assert_eq!(left(&pulse), Some(10), "a head has begun");
        tokio::time::advance(Duration::from_secs(9)).await;
        pulse.note_read();
        assert_eq!(left(&pulse), Some(1), "a trickle does not lengthen it");
    }

    #[tokio::test(start_paused = true)]
    async fn pings_of_http2_are_no_heads() {
        let pulse = Pulse::new();
        pulse.begin(true);
        pulse.note_owing(false);
        pulse.end();
        pulse.note_read();
        assert_eq!(left(&pulse), Some(75));
    }
}
