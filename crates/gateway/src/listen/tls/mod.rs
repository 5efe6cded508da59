//! TLS of the public sockets: certificates from files and by ACME, exchanged while connections go on.

mod handshake;
mod shelf;
mod status;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use denizen_kit::task::Tasks;
use denizen_tls::{BadTls, Certificate, Watched, provider, read_authorities};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};

use super::acme::Acme;
use super::config::{CertificateFiles, SocketConfig, TlsConfig};
use crate::system::names::Names;
use shelf::{Shelf, Shown};

/// How often the metrics are told until when certificates hold.
const MEASURE: Duration = Duration::from_secs(10);

/// TLS of the public sockets.
pub struct Tls {
    /// Each pair by itself: a bad file holds up none of the others.
    pairs: Vec<Watched<Shown>>,
    config: Watched<Arc<ServerConfig>>,
    shelf: Arc<Shelf>,
    by_acme: Mutex<Vec<Certificate>>,
    pub(crate) acme: Option<Acme>,
    /// Of the certificates that the metrics were told of last.
    measured: Names,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("acme", &self.acme.is_some()).finish_non_exhaustive()
    }
}

// === impl Tls ===

impl Tls {
    /// Reads certificates and keys.
    pub fn open(config: &SocketConfig, acme: Option<Acme>) -> Result<Self, BadTls> {
        let shelf = Arc::new(Shelf::default());
        let ticketer = ticketer()?;
        let pairs = config.tls.certificates.iter().map(|files| {
            let (paths, files) = (vec![files.cert.clone(), files.key.clone()], files.clone());
            Watched::open(paths, move || read_pair(&files))
        });
        let pairs: Result<Vec<_>, BadTls> = pairs.collect();
        let (tls, on_shelf) = (config.tls.clone(), shelf.clone());
        let paths = tls.client_ca.iter().cloned().collect();
        let config = Watched::open(paths, move || server_config(&tls, &on_shelf, &ticketer).map(Arc::new))?;
        let (by_acme, measured) = (Mutex::default(), Names::default());
        let this = Self { pairs: pairs?, config, shelf, by_acme, acme, measured };
        this.arrange();
        Ok(this)
    }

    /// Follows files and ACME, and tells the metrics, until the node stops.
    pub(crate) fn start_jobs(self: &Arc<Self>, tasks: &Tasks) {
        let measured = self.clone();
        tasks.spawn_until_stopped("gateway.certificate_times", async move {
            loop {
                measured.measure();
                tokio::time::sleep(MEASURE).await;
            }
        });
        let ordering = self.clone();
        tasks.spawn_until_stopped("gateway.acme", async move {
            if let Some(acme) = &ordering.acme {
                acme.run(&ordering).await;
            }
        });
        self.config.follow(tasks);
        for pair in &self.pairs {
            pair.follow(tasks);
            let (this, mut changes) = (self.clone(), pair.changes());
            tasks.spawn_until_stopped("gateway.certificates", async move {
                while changes.changed().await.is_ok() {
                    this.arrange();
                }
            });
        }
    }

    /// Takes over all certificates that came by ACME.
    pub(crate) fn take_acme(&self, certificates: Vec<Certificate>) {
        *self.by_acme.lock().unwrap_or_else(PoisonError::into_inner) = certificates;
        self.arrange();
    }

    /// The certificate that came by ACME for a name.
    pub(super) fn by_acme(&self, name: &str) -> Option<Certificate> {
        let by_acme = self.by_acme.lock().unwrap_or_else(PoisonError::into_inner);
        by_acme.iter().find(|certificate| certificate.names.iter().any(|known| known == name)).cloned()
    }

    /// Whether there is a certificate for the name of a host.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.shelf.covers(host)
    }

    /// Puts all certificates on the shelf: those of files first, since somebody chose them.
    fn arrange(&self) {
        let mut all: Vec<Shown> = self.pairs.iter().map(|pair| (*pair.get()).clone()).collect();
        let by_acme = self.by_acme.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(
            by_acme.iter().map(|certificate| Shown {
                certificate: certificate.clone(),
                names: certificate.names.clone(),
            }),
        );
        self.shelf.put(all);
    }
}

fn read_pair(files: &CertificateFiles) -> Result<Shown, BadTls> {
    let certificate = Certificate::read(&files.cert, &files.key)?;
    let named = files.names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let names = if files.names.is_empty() { certificate.names.clone() } else { named };
    Ok(Shown { certificate, names })
}

fn server_config(
    config: &TlsConfig,
    shelf: &Arc<Shelf>,
    shared: &Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, BadTls> {
    let versions: &[&rustls::SupportedProtocolVersion] =
        if config.only_13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
    let refused = |error: rustls::Error| BadTls::Refused("gateway.tls".to_owned(), error);
    let builder =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).map_err(refused)?;
    let (builder, ticketer) = match &config.client_ca {
        None => (builder.with_no_client_auth(), shared.clone()),
        Some(path) => {
            let origin = path.display().to_string();
            let pem = std::fs::read(path).map_err(|source| BadTls::File { path: path.clone(), source })?;
            let roots = Arc::new(read_authorities(&origin, &pem)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .allow_unauthenticated()
                .build()
                .map_err(|error| refused(rustls::Error::General(error.to_string())))?;
            // A ticket brings its client's certificate back: it must not outlive a change of the authority.
            (builder.with_client_cert_verifier(verifier), ticketer()?)
        }
    };
    let mut server = builder.with_cert_resolver(shelf.clone());
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.ticketer = ticketer;
    Ok(server)
}

/// Makes tickets under keys that change every six hours and never leave the process.
fn ticketer() -> Result<Arc<dyn ProducesTickets>, BadTls> {
    rustls::crypto::aws_lc_rs::Ticketer::new()
        .map_err(|error| BadTls::Refused("tickets of TLS sessions".to_owned(), error))
}
