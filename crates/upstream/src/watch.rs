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
use denizen_tls::LinkTls;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::pool::{Closed, Report, State};
use crate::targets::{Place, address_key};

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
    /// Where to connect, and the name that goes with it.
    authority: String,
    place: Place,
    tls: Option<LinkTls>,
    reports: mpsc::Sender<Report>,
}

/// A connection with or without TLS.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that has answered once.
struct Line {
    connection: Connection<Box<dyn Io>, Bytes>,
    pings: PingPong,
    requests: SendRequest<Bytes>,
}

// === impl Watch ===

impl Watch {
    /// The watcher of a fixed target, `host:port`.
    pub(crate) fn of_target(place: Place, tls: Option<LinkTls>, reports: mpsc::Sender<Report>) -> Self {
        Self { key: place.authority.clone(), authority: place.authority.clone(), place, tls, reports }
    }

    /// The watcher of one address of a name, `name:port`; calls go on naming the name.
    pub(crate) fn of_address(
        address: SocketAddr,
        (name, tls): (&Place, Option<LinkTls>),
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let key = address_key(&name.authority, address);
        Self { key, authority: address.to_string(), place: name.clone(), tls, reports }
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
            // Other certificates make another endpoint: the channel must not go on with what is revoked.
            let changes = self.tls.as_ref().map(LinkTls::changes);
            match timeout(CONNECT, self.connect()).await {
                Ok(Some((line, endpoint))) => {
                    down = false;
                    self.report(State::Up(Box::new(endpoint))).await?;
                    tokio::select! {
                        () = line.until_dead() => {}
                        () = changed(changes) => {}
                    }
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

    /// A connection that has answered, and how the channel makes its own.
    async fn connect(&self) -> Option<(Line, Endpoint)> {
        let endpoint = self.endpoint()?;
        let stream = TcpStream::connect(&self.authority).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let io: Box<dyn Io> = match (&self.tls, self.place.is_tls) {
            (_, false) => Box::new(stream),
            (Some(tls), true) => {
                let name = ServerName::try_from(self.place.host().to_owned()).ok()?;
                let shaken = TlsConnector::from(tls.client()).connect(name, stream).await;
                Box::new(
                    shaken
                        .inspect_err(|error| tracing::debug!(target = self.key, %error, "TLS fails"))
                        .ok()?,
                )
            }
            (None, true) => return None,
        };
        Some((Line::open(io).await?, endpoint))
    }

    /// How the channel connects to the target. None when its certificates are no certificates.
    fn endpoint(&self) -> Option<Endpoint> {
        let uri = |authority: &str| {
            let built =
                http::Uri::builder().scheme(self.place.scheme()).authority(authority).path_and_query("/");
            built.build().expect("an authority that was parsed makes a URI")
        };
        let endpoint = Endpoint::from(uri(&self.authority))
            .origin(uri(&self.place.authority))
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(PONG)
            .keep_alive_while_idle(true);
        match (&self.tls, self.place.is_tls) {
            (_, false) => Some(endpoint),
            (Some(tls), true) => {
                let pem = tls.pem();
                let config = ClientTlsConfig::new()
                    .ca_certificate(Certificate::from_pem(pem.ca))
                    .identity(Identity::from_pem(pem.cert, pem.key))
                    .domain_name(self.place.host());
                endpoint.tls_config(config).ok()
            }
            (None, true) => None,
        }
    }

    async fn report(&self, state: State) -> Result<(), Closed> {
        let report = Report { key: self.key.clone(), state };
        self.reports.send(report).await.map_err(|_| Closed)
    }
}

/// Ends when the certificates change; never when there are none.
async fn changed(changes: Option<watch::Receiver<[u8; 32]>>) {
    if let Some(mut changes) = changes
        && changes.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

// === impl Line ===

impl Line {
    /// Waits for the first answer: a process that hangs is connected to by its kernel all the same.
    async fn open(io: Box<dyn Io>) -> Option<Self> {
        let (requests, mut connection) = h2::client::handshake(io).await.ok()?;
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
