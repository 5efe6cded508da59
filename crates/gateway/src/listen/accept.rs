//! The accept loop: all public sockets, with limits of time and number, drained together at the end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::task::Tasks;
use futures::FutureExt;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ending::Ending;
use super::places::PerAddress;
use super::pulse::Patience;
use super::serve::Accepted;
use super::{Sockets, Tls};
use crate::edge::Edge;
use crate::state::App;

/// Largest head of a request, in bytes; a larger one is answered 431.
const MAX_HEAD: usize = 64 * 1024;

/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// Most requests at once on an HTTP/2 connection.
const MAX_STREAMS: u32 = 200;

/// Most streams that a client may have reset before they were answered; then the connection ends (CVE-2023-44487).
const MAX_RESET: usize = 20;

/// Most streams that the server may have to reset for faults of the client; then the connection ends (CVE-2025-8671).
const MAX_FAULTS: usize = 100;

/// How often an HTTP/2 client is pinged, and how long the answer may take.
const PING: Duration = Duration::from_secs(20);

/// How long to wait when the system gives no more sockets.
const PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub(super) struct Shop {
    pub(super) app: Arc<App>,
    pub(super) edge: Edge,
    pub(super) builder: Builder<TokioExecutor>,
    pub(super) patience: Patience,
    pub(super) addresses: Arc<PerAddress>,
    pub(super) ending: Ending,
    places: Arc<Semaphore>,
}

/// Accepts connections until the node stops, then lets the open requests finish.
pub(crate) async fn serve(app: &Arc<App>, edge: &Edge, sockets: Sockets, tasks: &Tasks) {
    let config = &app.config;
    let shop = Arc::new(Shop {
        app: app.clone(),
        edge: edge.clone(),
        builder: builder(),
        patience: Patience { head: config.header_timeout, idle: config.idle_timeout },
        addresses: Arc::default(),
        ending: Ending::default(),
        places: Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
    });
    let tls = sockets.tls.zip(app.tls.as_ref());
    let with_tls = async {
        if let Some((socket, tls)) = &tls {
            shop.accept_until_stopped(socket, Some(tls), tasks).await;
        }
    };
    tokio::join!(shop.accept_until_stopped(&sockets.plain, None, tasks), with_tls);
    app.drain();
    // Clients that the kernel has let in already are still served.
    shop.accept_waiting(&sockets.plain, None);
    if let Some((socket, tls)) = &tls {
        shop.accept_waiting(socket, Some(tls));
    }
    drop((sockets.plain, tls));
    shop.ending.drain(config.drain_timeout).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET)
        .max_local_error_reset_streams(MAX_FAULTS)
        .max_header_list_size(64 * 1024)
        .enable_connect_protocol()
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

// === impl Shop ===

impl Shop {
    async fn accept_until_stopped(
        self: &Arc<Self>,
        socket: &TcpListener,
        tls: Option<&Arc<Tls>>,
        tasks: &Tasks,
    ) {
        let mut stopping = pin!(tasks.stopping());
        loop {
            let accepted = tokio::select! {
                () = &mut stopping => return,
                accepted = self.accept(socket) => accepted,
            };
            if let Some((stream, peer, place)) = accepted {
                self.begin(Accepted { stream, peer, place }, tls);
            }
        }
    }

    fn accept_waiting(self: &Arc<Self>, socket: &TcpListener, tls: Option<&Arc<Tls>>) {
        while let (Ok(place), Some(Ok((stream, peer)))) =
            (self.places.clone().try_acquire_owned(), socket.accept().now_or_never())
        {
            self.begin(Accepted { stream, peer, place }, tls);
        }
    }

    fn begin(self: &Arc<Self>, accepted: Accepted, tls: Option<&Arc<Tls>>) {
        self.ending.connections.spawn(accepted.serve(self.clone(), tls.cloned()));
    }

    /// The next connection, once there is a place for it; none when the system gave an error.
    async fn accept(&self, socket: &TcpListener) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = self.places.clone().acquire_owned().await.ok()?;
        match socket.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                Some((stream, peer, place))
            }
            Err(error) => {
                // A client that went before it was accepted is no trouble; a lack of sockets passes.
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }
}
