//! The headers of a request on its way to an upstream, and of the answer on its way back.
//!
//! What concerns one connection only stays on it (RFC 9110 §7.6.1). What the gateway says about a request is said by the
//! gateway alone: copies that a client sent, also with underscores for hyphens, are taken off first, and a client cannot
//! have them taken off later by naming them in `Connection`.

use std::net::{IpAddr, SocketAddr};

use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, TE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::edge::request::{REQUEST_ID, TRACEPARENT, TRACESTATE};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const DENIZEN_USER: HeaderName = HeaderName::from_static("x-denizen-user");
const DENIZEN_ROLES: HeaderName = HeaderName::from_static("x-denizen-roles");
const DENIZEN_SESSION: HeaderName = HeaderName::from_static("x-denizen-session");
const DENIZEN_TOKEN: HeaderName = HeaderName::from_static("x-denizen-token");

/// What headers say about whom the request is for. What is none is not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// The person's id.
    pub(crate) user: Option<HeaderValue>,
    /// Names of roles, comma-separated.
    pub(crate) roles: Option<HeaderValue>,
    /// The session's id.
    pub(crate) session: Option<HeaderValue>,
    /// The internal token.
    pub(crate) token: Option<HeaderValue>,
}

/// What the gateway knows about a request.
#[derive(Debug)]
pub(crate) struct About<'a> {
    /// The other end of the socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The client, as far as trusted proxies say.
    pub(crate) client_ip: Option<IpAddr>,
    /// Whether what the peer says about the client is believed.
    pub(crate) is_peer_trusted: bool,
    /// `http` or `https`, as the peer came.
    pub(crate) scheme: &'static str,
    /// The site that was asked for.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) request_id: &'a HeaderValue,
    /// The `traceparent` that goes on, with the `tracestate` that came; none: neither does.
    pub(crate) trace: Option<&'a HeaderValue>,
    pub(crate) identity: Option<&'a Identity>,
}

/// Takes off what must not go on, and writes what the gateway has to say. Gives back the protocol that the client asks to
/// change to, if the upstream may be asked for it.
pub(crate) fn prepare(headers: &mut HeaderMap, about: &About<'_>) -> Option<HeaderValue> {
    let upgrade = wanted_upgrade(headers);
    let wants_trailers = names_in(headers, &TE).any(|name| name.eq_ignore_ascii_case("trailers"));
    strip(headers, about.is_peer_trusted);
    join_cookies(headers);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    write_forwarded(headers, about);
    headers.insert(REQUEST_ID, about.request_id.clone());
    if let Some(trace) = about.trace {
        headers.insert(TRACEPARENT, trace.clone());
    } else {
        headers.remove(TRACEPARENT);
        headers.remove(TRACESTATE);
    }
    if let Some(identity) = about.identity {
        identity.write(headers);
    }
    upgrade
}

/// Whether it is a call of gRPC, or its answer.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Takes off an answer what concerns the upstream's connection only, and what would lead clients past the gateway.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    remove_nominated(headers);
    remove_where(headers, |name| leads_elsewhere(name) || is_hop_by_hop(name));
}

/// Whether it would lead clients past the gateway.
pub(super) fn leads_elsewhere(name: &str) -> bool {
    name == "alt-svc"
}

/// The protocol of an `Upgrade` that `Connection` names. HTTP/2 is none: its frames would pass unseen (h2c smuggling).
fn wanted_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(UPGRADE)?;
    let is_named = names_in(headers, &CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"));
    let is_http = names_in(headers, &UPGRADE).any(|name| {
        let bytes = name.as_bytes();
        bytes.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"h2c"))
            || bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http"))
    });
    let is_alone = headers.get_all(UPGRADE).iter().count() == 1;
    (is_named && is_alone && !is_http).then(|| wanted.clone())
}

fn strip(headers: &mut HeaderMap, is_peer_trusted: bool) {
    remove_nominated(headers);
    remove_where(headers, |name| {
        name == "expect" || is_hop_by_hop(name) || is_ours(name, is_peer_trusted) || is_twin(name)
    });
}

/// HTTP/2 clients may send cookies in pieces, HTTP/1 knows one line only (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Whether it concerns one connection only.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Whether only the gateway may say it. Of the `X-Forwarded` family a trusted proxy may too.
pub(super) fn is_ours(name: &str, is_peer_trusted: bool) -> bool {
    matches!(name, "forwarded" | "x-request-timeout")
        || name.starts_with("x-denizen-")
        || (!is_peer_trusted && name.starts_with("x-forwarded"))
}

/// Whether an upstream that takes underscores for hyphens (CGI, WSGI and others) would take it for a header that
/// matters here.
pub(super) fn is_twin(name: &str) -> bool {
    if !name.contains('_') {
        return false;
    }
    let twin = name.replace('_', "-");
    twin.starts_with("proxy-") || is_protected(&twin) || is_hop_by_hop(&twin)
}

/// Whether a client's `Connection` must not have it taken off: it frames the message, names the site, or is the
/// gateway's to say.
pub(super) fn is_protected(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "content-length"
            | "content-type"
            | "trailer"
            | "authorization"
            | "cookie"
            | "forwarded"
            | "via"
            | "x-real-ip"
            | "x-request-id"
            | "x-request-timeout"
            | "traceparent"
    ) || name.starts_with("x-forwarded")
        || name.starts_with("x-denizen-")
}

/// Takes off what `Connection` names (RFC 9110 §7.6.1), but for what must stay.
fn remove_nominated(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let nominated: Vec<HeaderName> =
        names_in(headers, &CONNECTION).filter_map(|name| HeaderName::try_from(name).ok()).collect();
    for name in nominated.iter().filter(|name| !is_protected(name.as_str())) {
        headers.remove(name);
    }
}

pub(super) fn remove_where(headers: &mut HeaderMap, is_out: impl Fn(&str) -> bool) {
    // Most requests have none or one of these: the list seldom grows, and nothing is allocated for none.
    let out: Vec<HeaderName> = headers.keys().filter(|name| is_out(name.as_str())).cloned().collect();
    for name in out {
        headers.remove(name);
    }
}

/// The words of a comma-separated header, over all its lines.
pub(super) fn names_in<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

fn write_forwarded(headers: &mut HeaderMap, about: &About<'_>) {
    match about.peer {
        Some(peer) => write_peer(headers, peer.ip().to_canonical(), about.client_ip),
        None => drop(headers.remove(REAL_IP)),
    }
    let told = headers.get(FORWARDED_PROTO).map(HeaderValue::as_bytes);
    if !matches!(told, Some(b"http" | b"https")) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(about.scheme));
    }
    if let Some(host) = &about.host
        && !headers.contains_key(FORWARDED_HOST)
    {
        headers.insert(FORWARDED_HOST, host.clone());
    }
}

/// Adds the peer to those that trusted proxies have named, if any.
fn write_peer(headers: &mut HeaderMap, peer: IpAddr, client: Option<IpAddr>) {
    let Ok(own) = HeaderValue::try_from(peer.to_string()) else { return };
    let real = match client {
        Some(client) if client != peer => HeaderValue::try_from(client.to_string()).unwrap_or(own.clone()),
        _ => own.clone(),
    };
    headers.insert(REAL_IP, real);
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let chain = lines.fold(String::new(), |chain, line| chain + line + ", ");
    if chain.is_empty() {
        headers.insert(FORWARDED_FOR, own);
    } else if let Ok(chain) = HeaderValue::try_from(format!("{chain}{peer}")) {
        headers.insert(FORWARDED_FOR, chain);
    }
}

// === impl Identity ===

impl Identity {
    /// Says it in headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { user, roles, session, token } = self;
        let all = [
            (DENIZEN_USER, user),
            (DENIZEN_ROLES, roles),
            (DENIZEN_SESSION, session),
            (DENIZEN_TOKEN, token),
        ];
        for (name, value) in all {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
