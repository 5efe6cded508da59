//! Makes connections: TCP with no delay, TLS where the target wants it, and HTTP on top.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::body::Outgoing;
use super::error::ConnectError;
use super::line::Line;
use super::origin::Origin;
use super::spec::Protocol;
use super::streams::Streams;
use super::tls::Tls;

/// How often an HTTP/2 connection with open streams is pinged, and how long the answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(3);

/// How many streams of an HTTP/2 connection are taken to be allowed until the target says (RFC 9113 §6.5.2 advises
/// no fewer than 100).
pub(crate) const FIRST_STREAMS: usize = 100;

/// Connects to targets of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) protocol: Protocol,
    pub(crate) limit: Duration,
    pub(crate) tls: Option<Tls>,
}

/// A fresh connection.
pub(crate) enum Fresh {
    Line(Box<Line>),
    Streams(Arc<Streams>),
}

/// A socket, with or without TLS.
pub(crate) enum Io {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

// === impl Connector ===

impl Connector {
    /// Whether the next connection may turn out to speak HTTP/2.
    pub(crate) fn may_share(&self, origin: &Origin) -> bool {
        match self.protocol {
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::Auto => origin.is_tls(),
        }
    }

    /// Connects, in time or not at all. Over HTTP/1 where that is needed.
    pub(crate) async fn connect(&self, origin: &Origin, needs_http1: bool) -> Result<Fresh, ConnectError> {
        match timeout(self.limit, self.open(origin, needs_http1)).await {
            Ok(made) => made,
            Err(_late) => Err(ConnectError::Timeout),
        }
    }

    async fn open(&self, origin: &Origin, needs_http1: bool) -> Result<Fresh, ConnectError> {
        let stream = dial(origin).await?;
        stream.set_nodelay(true)?;
        let (io, is_http2) = match &self.tls {
            Some(tls) if origin.is_tls() => encrypt(tls, origin, stream, needs_http1).await?,
            _ => (Io::Plain(TokioIo::new(stream)), self.protocol == Protocol::Http2),
        };
        if needs_http1 || !is_http2 {
            if self.protocol == Protocol::Http2 && !needs_http1 {
                return Err(ConnectError::Protocol);
            }
            return open_line(io).await;
        }
        open_streams(io).await
    }
}

/// Connects to the first address that answers.
async fn dial(origin: &Origin) -> io::Result<TcpStream> {
    if let Ok(ip) = origin.host().parse() {
        return TcpStream::connect(SocketAddr::new(ip, origin.port())).await;
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((origin.host(), origin.port())).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn encrypt(
    tls: &Tls,
    origin: &Origin,
    stream: TcpStream,
    needs_http1: bool,
) -> Result<(Io, bool), ConnectError> {
    let name = tls.server_name(origin.host()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(tls.config(needs_http1)).connect(name, stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Io::Tls(Box::new(TokioIo::new(stream))), is_http2))
}

async fn open_line(io: Io) -> Result<Fresh, ConnectError> {
    let made = http1::Builder::new().handshake::<_, Outgoing>(io).await;
    let (sender, connection) = made.map_err(ConnectError::Handshake)?;
    Ok(Fresh::Line(Box::new(Line::new(sender, connection))))
}

async fn open_streams(io: Io) -> Result<Fresh, ConnectError> {
    let made = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(PONG)
        .adaptive_window(true)
        .handshake::<_, Outgoing>(io)
        .await;
    let (sender, mut connection) = made.map_err(ConnectError::Handshake)?;
    let limit = Arc::new(AtomicUsize::new(FIRST_STREAMS));
    let streams = Arc::new(Streams::new(sender, limit.clone()));
    // The driver ends with the last sender: nobody waits for it, and the node's end must not.
    tokio::spawn(async move {
        let driven = std::future::poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            limit.store(connection.current_max_send_streams(), Ordering::Relaxed);
            polled
        });
        if let Err(error) = driven.await {
            tracing::debug!(%error, "an HTTP/2 connection to a target broke");
        }
    });
    Ok(Fresh::Streams(streams))
}

// === impl Io ===

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Self::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_write_vectored(cx, parts),
            Self::Tls(io) => Pin::new(io).poll_write_vectored(cx, parts),
        }
    }
}
