//! Requests that leave HTTP: `WebSockets` and their like, over HTTP/1 (RFC 9110 §7.8) and HTTP/2 (RFC 8441).
//!
//! Nothing is passed on before the upstream has agreed, so what a client sends too early is not taken for another request.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_kit::problem::Problem;
use denizen_upstream::http::{self as upstream, Ask, Cluster, Hold};
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::time::{sleep, sleep_until};

use super::forward::{Hop, Tunnels, answer, no_tunnels};
use super::forward_errors::failure;
use crate::edge::shed::Permit;
use crate::edge::stay::Stay;
use crate::faces::failure::Failure;
use crate::listen::{Beat, Connection, Drain};

/// The client's end of a connection that may leave HTTP.
pub(super) struct Client {
    end: OnUpgrade,
    /// Asked for by extended CONNECT on HTTP/2.
    protocol: Option<HeaderValue>,
    held: Held,
}

/// What the client holds until its tunnel ends: its place among the connections, its connection's being at work, and
/// its right to be answered.
type Held = (Option<(Drain, Option<Arc<Beat>>)>, Option<Permit>);

// === impl Client ===

impl Client {
    /// Takes the client's end off a request; none when its connection cannot leave HTTP. Refuses a plain CONNECT.
    pub(super) fn take(request: &mut Request<Body>) -> Result<Option<Self>, Failure> {
        let end = request.extensions_mut().remove::<OnUpgrade>();
        let protocol = request.extensions_mut().remove::<Protocol>();
        let connection = request.extensions_mut().remove::<Connection>();
        let place = connection.map(|connection| (connection.drain, connection.beat));
        let held = (place, request.extensions_mut().remove::<Permit>());
        if request.method() != Method::CONNECT {
            // By another method the upstream would be asked for what the route was not taken for.
            let end = end.filter(|_| request.method() == Method::GET);
            return Ok(end.map(|end| Self { end, protocol: None, held }));
        }
        let (Some(end), Some(protocol)) = (end, protocol) else { return Err(no_tunnels()) };
        // Others than WebSocket have no form in HTTP/1.
        if protocol.as_str() != "websocket" {
            return Err(no_tunnels());
        }
        ask_as_http1(request.headers_mut())?;
        *request.body_mut() = Body::empty();
        Ok(Some(Self { end, protocol: Some(HeaderValue::from_static("websocket")), held }))
    }

    /// The client with the protocol that it asks for, if it asks for one.
    pub(super) fn asking(self, wanted: Option<HeaderValue>) -> Option<(Self, HeaderValue)> {
        let protocol = self.protocol.clone().or(wanted)?;
        Some((self, protocol))
    }
}

/// HTTP/1 has a key where HTTP/2 has none (RFC 8441 §5).
fn ask_as_http1(headers: &mut HeaderMap) -> Result<(), Failure> {
    let mut key = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut key)
        .map_err(|_| Problem::unavailable("there is no randomness now; repeat the request"))?;
    let key = HeaderValue::try_from(STANDARD.encode(key)).map_err(Problem::internal)?;
    headers.insert(SEC_WEBSOCKET_KEY, key);
    headers.entry(SEC_WEBSOCKET_VERSION).or_insert(HeaderValue::from_static("13"));
    Ok(())
}

/// Asks an upstream to leave HTTP, and passes bytes both ways once it has.
pub(super) async fn forward(
    hop: &Hop<'_>,
    cluster: &Cluster,
    (request, ask): (Request<upstream::Body>, Ask),
    client: Client,
) -> Result<Response, Failure> {
    let wanted = request.headers().get(UPGRADE).cloned();
    let ask = Ask { upgrade: true, ..ask };
    let answered = cluster.send(request, &ask).await;
    let mut agreed = answered.map_err(|error| failure(cluster, error))?;
    if agreed.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(answer(agreed));
    }
    let hold = agreed.extensions_mut().remove::<Hold>();
    let Some(upstream) = agreed.extensions_mut().remove::<OnUpgrade>() else {
        return Err(
            Problem::unavailable("the upstream did not leave HTTP as it said; repeat the request").into()
        );
    };
    let given = agreed.headers().get(UPGRADE).cloned();
    // An upstream that changes to something else than was asked for has not understood.
    let is_same = match (&wanted, &given) {
        (Some(wanted), Some(given)) => wanted.as_bytes().eq_ignore_ascii_case(given.as_bytes()),
        _ => false,
    };
    if !is_same {
        let problem = Problem::unavailable("the upstream changed to another protocol than was asked for");
        return Err(Failure::from(problem).with_status(StatusCode::BAD_GATEWAY));
    }
    let over_http2 = client.protocol.is_some();
    start(hop.tunnels, (client.end, client.held), upstream, (hold, cluster.clone()));
    let mut response = answer(agreed);
    if over_http2 {
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().remove("sec-websocket-accept");
    } else if let Some(given) = given {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, given);
    }
    Ok(response)
}

/// Passes bytes both ways until one side is done, the caller's time is over or their stay, or the node has stopped for long
/// enough.
fn start(
    tunnels: Tunnels<'_>,
    (client, held): (OnUpgrade, Held),
    upstream: OnUpgrade,
    (hold, cluster): (Option<Hold>, Cluster),
) {
    let tasks = tunnels.tasks.clone();
    let Tunnels { drain, until, stay, .. } = tunnels;
    let left = stay.map(Stay::over);
    tunnels.tasks.spawn("gateway.tunnel", async move {
        // With its cluster a connection would end that another set of routes no longer names.
        let _held = (hold, cluster, held);
        let stopped = async {
            tasks.stopping().await;
            sleep(drain).await;
        };
        let over = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let left = async {
            match left {
                Some(left) => left.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = pass(client, upstream) => if let Err(error) = ended {
                tracing::debug!(%error, "a tunnel broke");
            },
            () = over => {}
            () = left => {}
            () = stopped => {}
        }
    });
}

async fn pass(
    client: OnUpgrade,
    upstream: OnUpgrade,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, upstream): (Upgraded, Upgraded) = (client.await?, upstream.await?);
    let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}
