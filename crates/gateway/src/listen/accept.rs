//! The accept loop: HTTP/1 and HTTP/2 without TLS on one port, with limits of time and number, drained at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use denizen_kit::task::Tasks;
use futures::FutureExt;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::beat::Beat;
use super::pulse::{Patience, Pulse, Watched};
use crate::edge::Edge;
use crate::state::App;

/// Largest head of a request, in bytes; a larger one is answered 431.
const MAX_HEAD: usize = 64 * 1024;

/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// Most requests at once on an HTTP/2 connection.
const MAX_STREAMS: u32 = 200;

/// How long to wait when the system gives no more sockets.
const PAUSE: Duration = Duration::from_millis(50);

/// How long after the last request was answered a connection that still writes is cut at the end.
const FAREWELL: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Clone)]
struct Shop {
    edge: Edge,
    builder: Arc<Builder<TokioExecutor>>,
    patience: Patience,
    closing: CancellationToken,
    cut: CancellationToken,
}

/// Accepts connections until the node stops, then lets the open requests finish.
pub(crate) async fn serve(app: &Arc<App>, edge: &Edge, listener: TcpListener, tasks: &Tasks) {
    let config = &app.config;
    let shop = Shop {
        edge: edge.clone(),
        builder: Arc::new(builder()),
        patience: Patience { head: config.header_timeout, idle: config.idle_timeout },
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
    };
    let places = Arc::new(Semaphore::new(config.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let mut stopping = pin!(tasks.stopping());
    loop {
        let accepted = tokio::select! {
            () = &mut stopping => break,
            accepted = accept(&listener, &places) => accepted,
        };
        if let Some((stream, peer, place)) = accepted {
            connections.spawn(serve_connection(shop.clone(), stream, peer, place));
        }
    }
    app.drain();
    // Clients that the kernel has let in already are still served.
    while let (Ok(place), Some(Ok((stream, peer)))) =
        (places.clone().try_acquire_owned(), listener.accept().now_or_never())
    {
        connections.spawn(serve_connection(shop.clone(), stream, peer, place));
    }
    drop(listener);
    drain(&shop, &connections, config.drain_timeout).await;
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
        .max_header_list_size(64 * 1024)
        .enable_connect_protocol()
        .keep_alive_interval(Duration::from_secs(20));
    builder
}

/// The next connection, once there is a place for it; none when the system gave an error.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
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

async fn serve_connection(shop: Shop, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
    let _place = place;
    let pulse = Arc::new(Pulse::new());
    let service = service_fn(|request: Request<Incoming>| {
        let (edge, pulse) = (shop.edge.clone(), pulse.clone());
        async move {
            let beat = Beat::begin(pulse, request.version() == Version::HTTP_2);
            Ok::<_, Infallible>(beat.end_with(edge.handle(request.map(Body::new), Some(peer)).await))
        }
    });
    let watched = Watched::new(stream, pulse.clone());
    let mut connection = pin!(shop.builder.serve_connection(watched, service));
    let mut is_closing = false;
    loop {
        let now = tokio::time::Instant::now();
        let due = pulse.due(shop.patience).unwrap_or(now + shop.patience.head);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = shop.cut.cancelled() => return,
            () = shop.closing.cancelled(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep_until(due) => {
                if pulse.due(shop.patience).is_some_and(|due| due <= tokio::time::Instant::now()) {
                    return;
                }
            }
        }
    }
}

/// Lets the open requests finish, at most so long.
async fn drain(shop: &Shop, connections: &TaskTracker, limit: Duration) {
    shop.closing.cancel();
    connections.close();
    if tokio::time::timeout(limit, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections are cut: their requests did not end in time");
    }
    shop.cut.cancel();
    let _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
}
