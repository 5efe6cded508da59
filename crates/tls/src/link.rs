//! TLS between services: each shows a certificate of one authority and wants to see one.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use denizen_kit::task::Tasks;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;

use crate::{BadTls, Certificate, Watched, provider, read_authorities, read_file};

/// HTTP/2, which all calls between services speak.
const H2: &[u8] = b"h2";

/// Where authority, certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFiles {
    /// PEM of the authority, and of the next one while it is replaced.
    pub ca: PathBuf,
    /// PEM of the certificate and what leads to the authority.
    pub cert: PathBuf,
    /// PEM of the key.
    pub key: PathBuf,
}

/// TLS of the links of a process, following its files.
#[derive(Clone)]
pub struct LinkTls(Watched<Links>);

struct Links {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    pem: Pem,
}

/// The files as they are, for a client that reads PEM itself.
#[derive(Clone)]
pub struct Pem {
    /// The authorities.
    pub ca: Vec<u8>,
    /// The chain.
    pub cert: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

impl fmt::Debug for LinkTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkTls")
    }
}

// === impl LinkTls ===

impl LinkTls {
    /// Reads the files.
    pub fn open(files: &LinkFiles) -> Result<Self, BadTls> {
        let paths = vec![files.ca.clone(), files.cert.clone(), files.key.clone()];
        let files = files.clone();
        Watched::open(paths, move || Links::read(&files)).map(Self)
    }

    /// Reads the files again whenever they change, until the node stops.
    pub fn follow(&self, tasks: &Tasks) {
        self.0.follow(tasks);
    }

    /// For one who calls: it shows its certificate and checks the name of who is called.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.0.get().client.clone()
    }

    /// For one who is called: it wants a certificate of the authority.
    pub fn server(&self) -> Arc<ServerConfig> {
        self.0.get().server.clone()
    }

    /// What was read, as it stands in the files.
    pub fn pem(&self) -> Pem {
        self.0.get().pem.clone()
    }

    /// Tells of each change.
    pub fn changes(&self) -> watch::Receiver<[u8; 32]> {
        self.0.changes()
    }
}

// === impl Links ===

impl Links {
    fn read(files: &LinkFiles) -> Result<Self, BadTls> {
        let pem =
            Pem { ca: read_file(&files.ca)?, cert: read_file(&files.cert)?, key: read_file(&files.key)? };
        let origin = files.ca.display().to_string();
        let roots = Arc::new(read_authorities(&origin, &pem.ca)?);
        let own = Certificate::parse(&files.cert.display().to_string(), &pem.cert, &pem.key)?.certified;
        let refused = |error: rustls::Error| BadTls::Refused(origin.clone(), error);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
            .build()
            .map_err(|error| refused(rustls::Error::General(error.to_string())))?;
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(own));
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(refused)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(resolver.clone());
        server.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        // A ticket would let a client in again whose certificate is of an authority that was taken away.
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(refused)?
            .with_root_certificates(roots)
            .with_client_cert_resolver(resolver);
        client.alpn_protocols = vec![H2.to_vec()];
        Ok(Self { client: Arc::new(client), server: Arc::new(server), pem })
    }
}
