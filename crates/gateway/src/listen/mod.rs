//! Sockets: accepting, the PROXY protocol, TLS, time limits, and the orderly end.

mod accept;
pub(crate) mod acme;
mod beat;
mod config;
mod connection;
mod ending;
mod farewell;
mod heads;
pub(crate) mod pace;
mod places;
mod proxy_protocol;
mod pulse;
pub(crate) mod redirect;
mod serve;
mod stream;
mod tls;

pub(crate) use accept::serve;
pub use acme::{Acme, AcmeConfig, Challenge};
pub(crate) use beat::Beat;
pub use config::{CertificateFiles, SocketConfig, TlsConfig};
pub(crate) use connection::Connection;
pub(crate) use ending::Drain;
pub use tls::Tls;

use tokio::net::TcpListener;

/// The public sockets, bound before the node starts.
#[derive(Debug)]
pub struct Sockets {
    /// Without TLS.
    pub plain: TcpListener,
    /// With TLS.
    pub tls: Option<TcpListener>,
}

impl From<TcpListener> for Sockets {
    fn from(plain: TcpListener) -> Self {
        Self { plain, tls: None }
    }
}
