//! From HTTP to HTTPS.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, LOCATION};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};

use super::Connection;
use crate::edge::client;
use crate::state::App;

/// Paths that are answered without TLS too: proofs for ACME servers, and what machines of the house ask.
const PLAIN: [&str; 3] = ["/.well-known/acme-challenge/", "/health", "/metrics"];

/// The scheme by which the client came: what a trusted proxy says, else that of the connection.
pub(crate) fn is_secure(app: &App, connection: &Connection, headers: &HeaderMap) -> bool {
    if connection.tls.is_some() {
        return true;
    }
    let is_trusted = client::is_trusted(connection.peer.ip().to_canonical(), &app.config.trusted_proxies);
    client::scheme(headers, is_trusted) == "https"
}

/// The answer that sends a client to TLS, if it came without and TLS is served.
pub(crate) fn to_tls(app: &App, request: &Request<Body>) -> Option<Response> {
    let (tls, address) = (app.tls.as_ref()?, app.config.sockets.tls.listen?);
    let connection = request.extensions().get::<Connection>()?;
    let path = request.uri().path();
    let is_plain = PLAIN.iter().any(|plain| is_at_or_below(path, plain));
    if !app.config.sockets.tls.redirect || is_plain || is_secure(app, connection, request.headers()) {
        return None;
    }
    let public: Option<Uri> = app.config.public_url.parse().ok();
    let public = public.filter(|uri| uri.scheme_str() == Some("https"));
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let named = named.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    // Only a name that we have a certificate for is sent back: anything else could lead away from here.
    let host = named.filter(|name| tls.covers(name)).or(public.as_ref().and_then(Uri::host))?;
    let port = public.as_ref().map_or(address.port(), |uri| uri.port_u16().unwrap_or(443));
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let rest = request.uri().path_and_query().map_or("/", |rest| rest.as_str());
    let target = HeaderValue::try_from(format!("https://{host}{port}{rest}")).ok()?;
    Some((StatusCode::PERMANENT_REDIRECT, [(LOCATION, target)]).into_response())
}

fn is_at_or_below(path: &str, plain: &str) -> bool {
    let rest = path.strip_prefix(plain);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || plain.ends_with('/'))
}

/// What tells browsers to come by TLS only (RFC 6797), if this answer goes over TLS.
pub(crate) fn hsts(app: &App, is_secure: bool) -> Option<HeaderValue> {
    let seconds = app.config.sockets.tls.hsts.as_secs();
    let serves_tls = app.tls.is_some() || app.config.public_url.starts_with("https://");
    // On a laptop it would outlive the trial, for everything else that runs there.
    if !is_secure || !serves_tls || seconds == 0 || app.config.development {
        return None;
    }
    HeaderValue::try_from(format!("max-age={seconds}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_are_answered_without_tls() {
        let is_plain = |path| PLAIN.iter().any(|plain| is_at_or_below(path, plain));
        for path in ["/health", "/health/live", "/metrics", "/.well-known/acme-challenge/x"] {
            assert!(is_plain(path), "{path}");
        }
        for path in ["/healthcare", "/metrics-x", "/", "/.well-known/acme-challenge", "/api/health"] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
