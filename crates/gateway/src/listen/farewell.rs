//! The last of a connection whose client still sends.
//!
//! A socket that is closed with bytes unread is reset, and a reset takes the answer with it before the client has read
//! it (RFC 9112 §9.6): so what still comes is read and thrown away for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::stream::Stream;

/// How long a client may take to read its answer and close; nginx gives 5 s (`lingering_timeout`).
const LONGEST: Duration = Duration::from_secs(2);

/// The state of a farewell.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// Whether this side has closed.
    is_shut: bool,
    until: Option<Pin<Box<Sleep>>>,
}

// === impl Farewell ===

impl Farewell {
    /// Closes this side; where the client still sends, waits for it to close the other.
    pub(super) fn poll(
        &mut self,
        io: &mut Stream,
        cx: &mut Context<'_>,
        still_sends: bool,
    ) -> Poll<io::Result<()>> {
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(LONGEST)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if !self.is_shut {
            ready!(Pin::new(&mut *io).poll_shutdown(cx))?;
            self.is_shut = true;
            if !still_sends {
                return Poll::Ready(Ok(()));
            }
        }
        let mut scrap = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scrap);
            let is_over = ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer)).is_err();
            if is_over || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
