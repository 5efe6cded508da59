//! Watches one target over a connection of its own, by HTTP/2 pings, and reports whether it answers.
//!
//! The channel's own connections cannot tell: they are opened by calls, and a call that finds its target dead has
//! already failed.

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tonic::transport::Endpoint;

use crate::pool::{Closed, Report, State};
use crate::targets::address_key;

/// How long connecting may take, up to the first answer.
const CONNECT: Duration = Duration::from_secs(1);
/// How often a target that does not answer is tried.
const RETRY: Duration = Duration::from_millis(250);
/// How often a silent connection of the channel is pinged.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long the answer to a ping may take: more than a busy process needs, less than callers wait.
const PONG: Duration = Duration::from_secs(3);
/// How often the watcher pings. It costs 17 bytes each way and takes calls away from a process that hangs.
const PING: Duration = Duration::from_secs(2);

/// The watcher of one target.
pub(crate) struct Watch {
    key: String,
    authority: String,
    endpoint: Endpoint,
    reports: mpsc::Sender<Report>,
}

/// A connection that has answered once.
struct Line {
    connection: Connection<TcpStream, Bytes>,
    pings: PingPong,
    requests: SendRequest<Bytes>,
}

// === impl Watch ===

impl Watch {
    /// The watcher of a fixed target, `host:port`.
    pub(crate) fn of_target(authority: String, reports: mpsc::Sender<Report>) -> Self {
        let endpoint = endpoint(&authority, &authority);
        Self { key: authority.clone(), authority, endpoint, reports }
    }

    /// The watcher of one address of a name, `name:port`; calls go on naming the name.
    pub(crate) fn of_address(address: SocketAddr, name: &str, reports: mpsc::Sender<Report>) -> Self {
        let authority = address.to_string();
        let endpoint = endpoint(&authority, name);
        Self { key: address_key(name, address), authority, endpoint, reports }
    }

    /// Reports until nobody listens.
    pub(crate) async fn run(self) {
        let reports = self.reports.clone();
        tokio::select! {
            () = reports.closed() => {}
            Err(Closed) = self.report_changes() => {}
        }
    }

    async fn report_changes(&self) -> Result<std::convert::Infallible, Closed> {
        let mut pace = interval(RETRY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut down = false;
        loop {
            pace.tick().await;
            match timeout(CONNECT, Line::open(&self.authority)).await {
                Ok(Some(line)) => {
                    down = false;
                    self.report(State::Up(Box::new(self.endpoint.clone()))).await?;
                    line.until_dead().await;
                    self.report(State::Trying).await?;
                }
                Ok(None) | Err(_) if !down => {
                    down = true;
                    self.report(State::Down).await?;
                }
                Ok(None) | Err(_) => {}
            }
        }
    }

    async fn report(&self, state: State) -> Result<(), Closed> {
        let report = Report { key: self.key.clone(), state };
        self.reports.send(report).await.map_err(|_| Closed)
    }
}

/// How the channel connects to a target.
fn endpoint(authority: &str, origin: &str) -> Endpoint {
    let uri = |authority: &str| {
        let built = http::Uri::builder().scheme("http").authority(authority).path_and_query("/").build();
        built.expect("an authority that was parsed makes a URI")
    };
    Endpoint::from(uri(authority))
        .origin(uri(origin))
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(PONG)
        .keep_alive_while_idle(true)
}

// === impl Line ===

impl Line {
    /// Connects and waits for the first answer: a process that hangs is connected to by its kernel all the same.
    async fn open(authority: &str) -> Option<Self> {
        let stream = TcpStream::connect(authority).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (requests, mut connection) = h2::client::handshake(stream).await.ok()?;
        let mut pings = connection.ping_pong()?;
        tokio::select! {
            _closed = &mut connection => return None,
            pong = pings.ping(Ping::opaque()) => pong.ok()?,
        };
        Some(Self { connection, pings, requests })
    }

    /// Returns when the connection takes no more requests or a ping is not answered in time.
    async fn until_dead(mut self) {
        let Self { connection, pings, requests } = &mut self;
        // A draining target says so first (GOAWAY, RFC 9113 §6.8) and closes later.
        let mut closed = pin!(poll_fn(|cx| {
            if Pin::new(&mut *connection).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match requests.poll_ready(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            }
        }));
        loop {
            tokio::select! {
                () = &mut closed => return,
                () = sleep(PING) => {}
            }
            let pong = tokio::select! {
                () = &mut closed => return,
                pong = timeout(PONG, pings.ping(Ping::opaque())) => pong,
            };
            if !matches!(pong, Ok(Ok(_))) {
                return;
            }
        }
    }
}
