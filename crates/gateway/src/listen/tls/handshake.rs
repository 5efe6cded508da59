//! The handshake: ordinary clients, and ACME servers that look for the proof of a name.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Tls;

/// The protocol by which an ACME server looks for the proof of a name (RFC 8737 §4).
const ACME_TLS: &[u8] = b"acme-tls/1";

// === impl Tls ===

impl Tls {
    /// Shakes hands. None when it was an ACME server, which wants nothing more.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let is_acme = hello.alpn().is_some_and(|mut names| names.any(|name| name == ACME_TLS));
        if !is_acme {
            return start.into_stream((*self.config.get()).clone()).await.map(Some);
        }
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let proof = match &self.acme {
            Some(acme) => acme.proof_of(&name).await,
            None => None,
        };
        let proof = proof.ok_or_else(|| io::Error::other("no proof of this name is asked for at present"))?;
        let mut stream = start.into_stream(Arc::new(showing(proof)?)).await?;
        // RFC 8737 §3: nothing is exchanged after the handshake.
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await?;
        Ok(None)
    }
}

/// The settings of a handshake that shows nothing but the proof.
fn showing(proof: Arc<rustls::sign::CertifiedKey>) -> io::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(denizen_tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let single = rustls::sign::SingleCertAndKey::from(proof);
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(single));
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    Ok(config)
}
