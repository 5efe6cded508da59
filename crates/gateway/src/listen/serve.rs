//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use denizen_kit::seal::random;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::accept::Shop;
use super::beat::Beat;
use super::connection::{Connection, TlsFacts};
use super::places::Place;
use super::proxy_protocol::{self, Origin};
use super::pulse::{Pulse, Watched};
use super::stream::Stream;
use super::{Tls, pace};
use crate::edge::client;

/// A connection that was let in.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: OwnedSemaphorePermit,
}

// === impl Accepted ===

impl Accepted {
    /// Serves the connection until it ends.
    pub(super) async fn serve(self, shop: Arc<Shop>, tls: Option<Arc<Tls>>) {
        let Self { stream, peer, place } = self;
        let sockets = &shop.app.config.sockets;
        // Who is at the other end of a balancer's connection, only its header says; of any other it is known before the
        // handshake, which a single address could let all places wait for.
        let is_told = client::is_trusted(peer.ip().to_canonical(), &sockets.proxied_from);
        let held = if is_told { Err(place) } else { Ok(shop.place_of(peer, place)) };
        if matches!(held, Ok(None)) {
            return;
        }
        let limit = sockets.tls.handshake_timeout;
        let opened = tokio::select! {
            opened = tokio::time::timeout(limit, open(&shop, stream, peer, tls.as_deref())) => opened,
            () = shop.ending.cut.cancelled() => return,
        };
        let (stream, peer, facts) = match opened {
            Ok(Ok(Some(opened))) => opened,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return refuse("handshake", &error),
            Err(_elapsed) => return refuse("handshake_timeout", &"it took too long"),
        };
        let place = held.unwrap_or_else(|place| shop.place_of(peer, place));
        let Some(place) = place else { return };
        let connection = Connection {
            peer,
            tls: facts.map(Arc::new),
            drain: shop.ending.hold(place),
            beat: None,
            has_two_lengths: false,
        };
        serve(shop, stream, connection).await;
    }
}

// === impl Shop ===

impl Shop {
    /// The place of a connection among those of its address; none, and that is counted, when that has all of its own.
    fn place_of(&self, peer: SocketAddr, of_all: OwnedSemaphorePermit) -> Option<Place> {
        let config = &self.app.config;
        let ip = peer.ip().to_canonical();
        let is_free = config.sockets.max_per_ip == 0
            || ip.is_loopback()
            || client::is_trusted(ip, &config.trusted_proxies);
        let limited = (!is_free).then_some((ip, config.sockets.max_per_ip));
        let place = Place::take(of_all, &self.addresses, limited);
        if place.is_none() {
            refuse("per_ip", &"its address has too many connections (gateway.max_connections_per_ip)");
        }
        place
    }
}

/// Counts a connection that comes to nothing. Scanners and broken clients make many: no line for each.
fn refuse(reason: &'static str, error: &dyn std::fmt::Display) {
    metrics::counter!("denizen_connections_refused_total", "reason" => reason).increment(1);
    tracing::debug!(reason, %error, "a connection was not served");
}

/// Reads what comes before HTTP: the header of the PROXY protocol, then the handshake of TLS. None when nothing shall
/// come after it.
async fn open(
    shop: &Shop,
    mut stream: TcpStream,
    peer: SocketAddr,
    tls: Option<&Tls>,
) -> io::Result<Option<(Stream, SocketAddr, Option<TlsFacts>)>> {
    let mut end = peer;
    if client::is_trusted(peer.ip().to_canonical(), &shop.app.config.sockets.proxied_from) {
        match proxy_protocol::read(&mut stream).await.map_err(io::Error::other)? {
            Origin::Client { peer, .. } => end = peer,
            Origin::Balancer => {}
        }
    }
    let Some(tls) = tls else { return Ok(Some((Stream::Plain(stream), end, None))) };
    let Some(stream) = tls.accept(stream).await? else { return Ok(None) };
    let facts = TlsFacts::of(stream.get_ref().1);
    Ok(Some((Stream::Tls(Box::new(stream)), end, Some(facts))))
}

async fn serve(shop: Arc<Shop>, stream: Stream, connection: Connection) {
    let pulse = Arc::new(Pulse::new());
    let service = service_fn(|request: Request<Incoming>| {
        let visit = answer(shop.clone(), pulse.clone(), connection.clone(), request);
        async move { Ok::<_, Infallible>(visit.await) }
    });
    let watched = TokioIo::new(Watched::new(stream, pulse.clone()));
    let mut serving = pin!(shop.builder.serve_connection_with_upgrades(watched, service));
    let mut retirement = pin!(tokio::time::sleep_until(retires_at(shop.app.config.sockets.max_age)));
    let (mut is_closing, mut is_old) = (false, false);
    loop {
        let now = Instant::now();
        let due = pulse.due(shop.patience).unwrap_or(now + shop.patience.head);
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    note_broken(&shop, connection.peer, &*error);
                }
                return;
            }
            () = shop.ending.cut.cancelled() => return,
            () = shop.ending.closing.cancelled(), if !is_closing => {
                is_closing = true;
                serving.as_mut().graceful_shutdown();
            }
            () = &mut retirement, if !is_old => {
                is_old = true;
                // HTTP/1 has no word for it but in an answer: a request may be on its way.
                if pulse.retire() {
                    serving.as_mut().graceful_shutdown();
                }
            }
            () = tokio::time::sleep_until(due) => {
                if pulse.due(shop.patience).is_some_and(|due| due <= Instant::now()) {
                    return;
                }
            }
        }
    }
}

/// Notes why a connection broke. A head that could not be read has its answer already, and nobody else knows of it.
fn note_broken(shop: &Shop, peer: SocketAddr, error: &(dyn Error + 'static)) {
    tracing::debug!(%error, "a connection broke");
    let Some(error) = error.downcast_ref::<hyper::Error>() else { return };
    // The preface of HTTP/2 in the midst of HTTP/1 gets no answer.
    if !error.is_parse() || error.is_parse_version_h2() {
        return;
    }
    let is_large = error.is_parse_too_large();
    let status = if is_large { StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    shop.edge.note_unreadable(peer, status);
}

/// Answers one request.
async fn answer(
    shop: Arc<Shop>,
    pulse: Arc<Pulse>,
    connection: Connection,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let is_http2 = request.version() == Version::HTTP_2;
    let beat = Beat::begin(pulse.clone(), is_http2);
    let has_two_lengths = request.headers().contains_key(TRANSFER_ENCODING) && pulse.take_two_lengths();
    let peer = connection.peer;
    // What is tunnelled over HTTP/2 keeps its connection at work after the answer.
    let is_tunnel = is_http2 && request.method() == Method::CONNECT;
    let of_tunnel = is_tunnel.then(|| Arc::new(Beat::begin(pulse.clone(), is_http2)));
    request.extensions_mut().insert(Connection { has_two_lengths, beat: of_tunnel, ..connection });
    let config = &shop.app.config;
    let pace = pace::Pace { first: config.body_timeout, rate: config.sockets.body_min_rate };
    let request = request.map(|body| pace::hold(Body::new(body), pace, pulse.clone()));
    let mut response = shop.edge.handle(request, Some(peer)).await;
    let is_upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if is_upgraded {
        pulse.note_unread(false);
    }
    if pulse.is_retiring() && !is_http2 && !is_upgraded {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    beat.end_with(response)
}

/// When a connection that begins now is old; up to a tenth sooner, so that those that came together do not go together.
fn retires_at(age: Duration) -> Instant {
    // Half a century: for ever, and within what timers can hold.
    const FOR_EVER: Duration = Duration::from_secs(50 * 365 * 24 * 60 * 60);
    if age.is_zero() {
        return Instant::now() + FOR_EVER;
    }
    let mut byte = [0];
    random(&mut byte);
    Instant::now() + age.min(FOR_EVER) - age.min(FOR_EVER) / 10 * u32::from(byte[0]) / 256
}
