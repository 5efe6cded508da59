//! What is known of the connection that a request came by.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::ServerConnection;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::beat::Beat;
use super::ending::Drain;

/// The connection of a request, as an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Who is at the other end: as a header of the PROXY protocol says, where one is believed.
    pub(crate) peer: SocketAddr,
    /// What the handshake found out; none without TLS.
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// The end of the node, for what outlives requests.
    pub(crate) drain: Drain,
    /// Of a request for a tunnel over HTTP/2: that its connection is at work.
    pub(crate) beat: Option<Arc<Beat>>,
    /// Whether this request's head had both Content-Length and Transfer-Encoding.
    pub(crate) has_two_lengths: bool,
}

/// What a TLS handshake found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// The name of the host that the client asked for.
    pub(crate) sni: Option<String>,
    /// The protocol that was agreed on: `h2` or `http/1.1`.
    pub(crate) alpn: Option<String>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub(crate) version: &'static str,
    /// The subject of the client's certificate, checked against `gateway.tls.client_ca` (RFC 4514).
    pub(crate) client_subject: Option<String>,
}

// === impl TlsFacts ===

impl TlsFacts {
    pub(super) fn of(tls: &ServerConnection) -> Self {
        let leaf = tls.peer_certificates().and_then(<[_]>::first);
        let subject = leaf.and_then(|leaf| {
            let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
            Some(certificate.subject().to_string())
        });
        Self {
            sni: tls.server_name().map(str::to_owned),
            alpn: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            version: match tls.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            client_subject: subject,
        }
    }
}
