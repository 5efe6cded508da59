//! TLS to targets by rustls: who is trusted, which name is asked for, which certificate of our own is shown.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::error::BadCluster;
use super::spec::{Protocol, TlsSpec};

/// TLS for one cluster. HTTP/1 alone has settings of its own, since upgrades need it (RFC 9110 §7.8).
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    any: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

// === impl Tls ===

impl Tls {
    pub(crate) fn new(spec: Option<&TlsSpec>, protocol: Protocol) -> Result<Self, BadCluster> {
        let none = TlsSpec::default();
        let spec = spec.unwrap_or(&none);
        let mut config = config(spec)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1 = Arc::new(config.clone());
        match protocol {
            Protocol::Http1 => {}
            Protocol::Http2 => config.alpn_protocols = vec![b"h2".to_vec()],
            Protocol::Auto => config.alpn_protocols.insert(0, b"h2".to_vec()),
        }
        let server_name = match &spec.server_name {
            None => None,
            Some(name) => Some(server_name(name)?),
        };
        Ok(Self { any: Arc::new(config), http1, server_name })
    }

    /// The settings of a connection; over HTTP/1 alone where that is needed.
    pub(crate) fn config(&self, needs_http1: bool) -> Arc<ClientConfig> {
        if needs_http1 { self.http1.clone() } else { self.any.clone() }
    }

    /// The name that a target's certificate must have.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, BadCluster> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host),
        }
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, BadCluster> {
    ServerName::try_from(name.to_owned()).map_err(|_| BadCluster::ServerName(name.to_owned()))
}

fn config(spec: &TlsSpec) -> Result<ClientConfig, BadCluster> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(spec.ca_file.as_deref())?);
    let Some(client) = &spec.client else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(&client.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&client.key)
        .map_err(|cause| unreadable(&client.key, "a PEM private key", &cause))?;
    Ok(builder.with_client_auth_cert(chain, key)?)
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, BadCluster> {
    let mut store = RootCertStore::empty();
    let Some(file) = file else {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(store);
    };
    for certificate in certificates(file)? {
        store.add(certificate)?;
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, BadCluster> {
    let what = "PEM certificates";
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|cause| unreadable(file, what, &cause))?.collect();
    let found = read.map_err(|cause| unreadable(file, what, &cause))?;
    if found.is_empty() {
        return Err(unreadable(file, what, &"there is none in it"));
    }
    Ok(found)
}

fn unreadable(path: &Path, what: &'static str, cause: &dyn std::fmt::Display) -> BadCluster {
    BadCluster::File { path: path.to_owned(), what, cause: cause.to_string() }
}
