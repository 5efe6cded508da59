//! Opening PostgreSQL connections: address, TLS, and the settings of a session.
//!
//! TLS follows `sslmode` of the address. `disable`: none. `require`, `verify-ca`, `verify-full`: always, and the
//! certificate is checked. `prefer`, the default: if the server offers it, with the certificate checked; none on a
//! loopback address or a socket. Certificates are checked against `sslrootcert` if given, else Mozilla's list.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// How long opening a connection may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// Opens connections whose session has these settings.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Option<MakeRustlsConnect>,
    setup: String,
}

/// A database address, understood.
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

// === impl Address ===

impl Address {
    /// Reads an address such as `postgres://user:password@host:5432/name?sslmode=require`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (url, root) = without_file(url);
        // The address holds a password, so the driver's message, not the address, is shown.
        let parsed: Result<Config, _> = url.parse();
        let mut config = parsed.map_err(|error| Error::unavailable(format!("database_url: {error}")))?;
        config.connect_timeout(CONNECT);
        config.tcp_user_timeout(Duration::from_secs(10));
        config.keepalives_idle(Duration::from_secs(30));
        if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(is_near) {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(make_tls(root.as_deref())?),
        };
        Ok(Self { config, tls })
    }
}

/// Whether the host is this machine.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The address without what the driver does not know, and the file of `sslrootcert`.
fn without_file(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut root = None;
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", file)) => root = Some(file.replace("%2F", "/")),
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            _ => kept.push(pair),
        }
    }
    (format!("{base}?{}", kept.join("&")), root)
}

fn make_tls(root: Option<&str>) -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    match root {
        Some(file) => {
            let failure = |reason: String| Error::unavailable(format!("sslrootcert {file}: {reason}"));
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| failure(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failure(error.to_string()))?;
                roots.add(certificate).map_err(|error| failure(error.to_string()))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::unavailable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

// === impl Connector ===

impl Connector {
    /// A connector whose sessions run `setup` first.
    pub(crate) fn new(tls: Option<MakeRustlsConnect>, setup: String) -> Self {
        Self { tls, setup }
    }

    /// Opens a connection and the task that drives it.
    pub(crate) async fn open(
        &self,
        config: &Config,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, task) = match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(drive(connection)))
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        let ready = client.batch_execute(&self.setup).await;
        if ready.is_err() {
            task.abort();
        }
        ready.map(|()| (client, task))
    }
}

async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        // Who waits for an answer gets the error too; here it is only told that the pool has one less.
        tracing::debug!(%error, "a PostgreSQL connection ended");
    }
}

type Opening<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>>;

impl deadpool_postgres::Connect for Connector {
    fn connect(&self, config: &Config) -> Opening<'_> {
        let config = config.clone();
        Box::pin(async move { self.open(&config).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_decides_on_tls() {
        let tls = |url: &str| Address::parse(url).map(|address| address.tls.is_some());
        assert!(!tls("postgres://a@localhost/d").unwrap());
        assert!(!tls("postgres://a@[::1]/d").unwrap());
        assert!(!tls("postgres://a@db.example/d?sslmode=disable").unwrap());
        assert!(tls("postgres://a@db.example/d").unwrap());
        assert!(tls("postgres://a@127.0.0.1/d?sslmode=verify-full").unwrap());
        assert!(tls("postgres://a@db.example/d?sslmode=require&sslrootcert=/nowhere.pem").is_err());
    }
}
