//! [`forward`]: one request to a cluster of upstreams, and its answer back.
//!
//! Both bodies stream: nothing is held back but what a retry needs. The answer's head ends what this does; its body counts as a
//! request under way until it has ended.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_upstream::http::{self as upstream, Ask, Cluster, hash_key};
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, UPGRADE, VIA};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use tokio::time::Instant;

use super::deadline;
use super::forward_errors::failure;
use super::headers::{self, About, Identity};
use super::trailers::{self, Passes, Sifted};
use super::upgrade;
use crate::edge::stay::Stay;
use crate::faces::failure::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is said of the gateway to those behind it (RFC 9110 §7.6.3).
const SELF: HeaderValue = HeaderValue::from_static("1.1 denizen");

/// What the gateway knows about one request to an upstream.
#[derive(Debug)]
pub(crate) struct Hop<'a> {
    /// The other end of the socket.
    pub(crate) peer: Option<std::net::SocketAddr>,
    /// The client, as far as trusted proxies say.
    pub(crate) client_ip: Option<std::net::IpAddr>,
    /// Whether the peer is a trusted proxy: then its `X-Forwarded-*` are added to, else written anew.
    pub(crate) is_peer_trusted: bool,
    /// `http` or `https`, as the peer came.
    pub(crate) scheme: &'static str,
    /// The id of the request.
    pub(crate) request_id: &'a HeaderValue,
    /// The `traceparent` that goes on; none: no trace does.
    pub(crate) trace: Option<&'a HeaderValue>,
    /// Whom the request is for, as the upstream may know it.
    pub(crate) identity: Option<&'a Identity>,
    /// What the route wants.
    pub(crate) policy: &'a ForwardPolicy,
    /// Where upgraded connections run, and how long they may go on when the node stops.
    pub(crate) tunnels: Tunnels<'a>,
}

/// Upgraded connections: they outlive their request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tunnels<'a> {
    /// They are tasks, so the end of the node waits for them.
    pub(crate) tasks: &'a Tasks,
    /// How long they may go on when the node stops.
    pub(crate) drain: Duration,
    /// When they end in any case: the caller's token ends then.
    pub(crate) until: Option<Instant>,
    /// Who opened them, if that is somebody whose session may end before.
    pub(crate) stay: Option<Stay<'a>>,
}

/// How a route forwards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForwardPolicy {
    /// How often a request may be sent again.
    pub(crate) retries: u32,
    /// How much of a body is kept for that, in bytes.
    pub(crate) replay_limit: usize,
    /// How long one try may take to the head of the answer, instead of the upstream's limit.
    pub(crate) try_timeout: Option<Duration>,
    /// How long all tries together may take to the head of the answer.
    pub(crate) timeout: Option<Duration>,
    /// Which host the upstream sees.
    pub(crate) host: HostPolicy,
    /// What consistent hashing goes by.
    pub(crate) hash: HashOn,
    /// Whether the upstream is told how long it has.
    pub(crate) tells_deadline: bool,
}

/// Which host the upstream sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HostPolicy {
    /// The one that the client asked for.
    #[default]
    Original,
    /// The target's own.
    Target,
}

/// What consistent hashing goes by. Where it is missing, the client's address is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum HashOn {
    /// The client's address.
    #[default]
    Ip,
    /// The person.
    User,
    /// A header.
    Header(HeaderName),
    /// A cookie.
    Cookie(String),
    /// Path and query.
    Path,
}

// === impl ForwardPolicy ===

impl Default for ForwardPolicy {
    fn default() -> Self {
        Self {
            retries: 1,
            replay_limit: 64 * 1024,
            try_timeout: None,
            timeout: None,
            host: HostPolicy::default(),
            hash: HashOn::default(),
            tells_deadline: true,
        }
    }
}

/// Sends a request to one of the cluster's targets and gives the answer back.
pub(crate) async fn forward(
    hop: &Hop<'_>,
    cluster: &Cluster,
    mut request: Request<Body>,
) -> Result<Response, Failure> {
    // What it would echo to the client are the headers that the gateway added (RFC 9110 §9.3.8).
    if request.method() == Method::TRACE {
        return Err(refused("TRACE is not passed on; ask for the resource itself"));
    }
    let policy = hop.policy;
    let deadline = policy.timeout.map(|timeout| Instant::now() + timeout);
    let client = upgrade::Client::take(&mut request)?;
    let (mut parts, body) = request.into_parts();

    let host = site(&parts.uri, &parts.headers);
    let about = About {
        peer: hop.peer,
        client_ip: hop.client_ip,
        is_peer_trusted: hop.is_peer_trusted,
        scheme: hop.scheme,
        host: host.clone(),
        request_id: hop.request_id,
        trace: hop.trace,
        identity: hop.identity,
    };
    let wanted = headers::prepare(&mut parts.headers, &about);
    parts.headers.append(VIA, SELF);
    // The connection frames the body anew, by what it is: a length that does not fit cannot go on.
    parts.headers.remove(CONTENT_LENGTH);
    match (policy.host, host) {
        // `insert` leaves one, however many came.
        (HostPolicy::Original, Some(host)) => drop(parts.headers.insert(HOST, host)),
        _ => drop(parts.headers.remove(HOST)),
    }

    let ask = Ask {
        retries: policy.retries,
        replay_limit: policy.replay_limit,
        try_timeout: policy.try_timeout,
        deadline,
        tell: policy.tells_deadline.then_some(deadline::write),
        hash_key: key(hop, &parts.uri, &parts.headers),
        idempotent: parts.headers.contains_key(IDEMPOTENCY_KEY),
        upgrade: false,
    };
    let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let passes = trailers::of_request(&mut parts.headers);
    let mut outgoing = Request::new(upstream_body(body, passes));
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = Uri::from(path);
    *outgoing.headers_mut() = parts.headers;
    if let Some((client, protocol)) = client.and_then(|client| client.asking(wanted)) {
        outgoing.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        outgoing.headers_mut().insert(UPGRADE, protocol);
        *outgoing.method_mut() = Method::GET;
        return upgrade::forward(hop, cluster, (outgoing, ask), client).await;
    }
    let answered = cluster.send(outgoing, &ask).await;
    Ok(answer(answered.map_err(|error| failure(cluster, error))?))
}

/// The answer as the client gets it.
pub(super) fn answer(mut response: ::http::Response<upstream::Body>) -> Response {
    headers::strip_answer(response.headers_mut());
    let passes = trailers::of_answer(response.headers_mut());
    *response.version_mut() = ::http::Version::default();
    response.map(|body| match body.into_whole() {
        Ok(bytes) => Body::from(bytes),
        Err(stream) => Body::new(Sifted::new(stream, passes)),
    })
}

fn upstream_body(body: Body, passes: Passes) -> upstream::Body {
    if http_body::Body::is_end_stream(&body) {
        return upstream::Body::empty();
    }
    upstream::Body::new(Sifted::new(body, passes))
}

/// The site that was asked for: where the target names one, `Host` does not count (RFC 9112 §3.2.2).
fn site(uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
    match uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => headers.get(HOST).cloned(),
    }
}

/// What consistent hashing goes by, for this request.
fn key(hop: &Hop<'_>, uri: &Uri, headers: &HeaderMap) -> Option<u64> {
    let value = match &hop.policy.hash {
        HashOn::Ip => None,
        HashOn::User => hop.identity.and_then(|identity| identity.user.as_ref()).map(HeaderValue::as_bytes),
        HashOn::Header(name) => headers.get(name).map(HeaderValue::as_bytes),
        HashOn::Cookie(name) => cookie(headers, name),
        HashOn::Path => uri.path_and_query().map(|path| path.as_str().as_bytes()),
    };
    match value {
        Some(value) => Some(hash_key(value)),
        None => hop.client_ip.map(|ip| match ip.to_canonical() {
            std::net::IpAddr::V4(ip) => hash_key(&ip.octets()),
            std::net::IpAddr::V6(ip) => hash_key(&ip.octets()),
        }),
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut pairs =
        headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// A request that asks for a tunnel to somewhere: a gateway is no proxy of that kind.
pub(super) fn no_tunnels() -> Failure {
    refused("CONNECT is not spoken here; ask for the resource itself")
}

fn refused(detail: &'static str) -> Failure {
    Failure::from(Problem::new(denizen_kit::problem::Code::MethodNotAllowed, detail))
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
