//! TLS to targets: who is believed, which name, whose certificate, and which version of HTTP comes out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use denizen_upstream::http::{BadCluster, ClientCertificate, Protocol, Timeouts, TlsSpec};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority, and files with what it has signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Certificate and key for a name, as files.
    fn sign(&self, name: &str) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let file = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        std::fs::write(file("pem"), signed.pem()).unwrap();
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        ClientCertificate { certificate: file("pem"), key: file("key") }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    /// A target with a certificate for `shop.test` that answers with its version of HTTP.
    async fn target(&self, alpn: &[&str], wants_client: bool) -> SocketAddr {
        let own = self.sign("shop.test");
        let certificate = rustls::pki_types::CertificateDer::from_pem_file(own.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(own.key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if wants_client {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        serve(TlsAcceptor::from(Arc::new(config))).await
    }
}

async fn serve(acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                    let body = format!("{:?}", request.version());
                    Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(body))))
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn over_tls(address: SocketAddr, protocol: Protocol, tls: TlsSpec) -> Cluster {
    let spec = ClusterSpec::new("test").with_target(format!("https://{address}"));
    cluster(ClusterSpec { protocol, tls: Some(tls), ..spec })
}

fn believing(authority: &Authority) -> TlsSpec {
    TlsSpec { ca_file: Some(authority.ca_file()), server_name: Some("shop.test".to_owned()), client: None }
}

#[tokio::test]
async fn alpn_says_which_version_is_spoken() {
    let authority = Authority::new();
    let both = authority.target(&["h2", "http/1.1"], false).await;
    let old = authority.target(&[], false).await;
    for (address, protocol, expected) in [
        (both, Protocol::Auto, "HTTP/2.0"),
        (both, Protocol::Http1, "HTTP/1.1"),
        (both, Protocol::Http2, "HTTP/2.0"),
        (old, Protocol::Auto, "HTTP/1.1"),
    ] {
        let cluster = over_tls(address, protocol, believing(&authority));
        assert_eq!(ask_for(&cluster, "/").await, (200, expected.to_owned()), "{protocol:?}");
    }
    let cluster = over_tls(old, Protocol::Http2, believing(&authority));
    let failed = send(&cluster, get("/"), &Ask::default()).await;
    assert!(matches!(failed, Err(SendError::Connect(_))), "{failed:?}");
}

#[tokio::test]
async fn a_certificate_is_believed_for_its_name_and_its_authority_only() {
    let authority = Authority::new();
    let address = authority.target(&[], false).await;
    let stranger = Authority::new();
    let other_name = TlsSpec { server_name: Some("other.test".to_owned()), ..believing(&authority) };
    for tls in [TlsSpec::default(), believing(&stranger), other_name] {
        let failed = send(&over_tls(address, Protocol::Auto, tls), get("/"), &Ask::default()).await;
        assert!(matches!(failed, Err(SendError::Connect(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn a_target_may_ask_who_we_are() {
    let authority = Authority::new();
    let address = authority.target(&[], true).await;
    let known = TlsSpec { client: Some(authority.sign("gateway.test")), ..believing(&authority) };
    assert_eq!(ask_for(&over_tls(address, Protocol::Auto, known), "/").await.0, 200);
    let failed =
        send(&over_tls(address, Protocol::Auto, believing(&authority)), get("/"), &Ask::default()).await;
    assert!(failed.is_err(), "{failed:?}");
}

#[tokio::test]
async fn files_that_are_no_certificates_are_told() {
    let spec =
        |tls| ClusterSpec { tls: Some(tls), ..ClusterSpec::new("test").with_target("https://shop.test") };
    let missing = TlsSpec { ca_file: Some("/nowhere/ca.pem".into()), ..TlsSpec::default() };
    let told = Cluster::start(spec(missing), &Tasks::new()).unwrap_err();
    assert!(
        matches!(&told, BadCluster::File { .. }) && told.to_string().contains("/nowhere/ca.pem"),
        "{told}"
    );
}

#[tokio::test]
async fn those_who_wait_for_a_connection_fail_together() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    // It takes connections and never shakes hands.
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            held.push(stream);
        }
    });
    let timeouts = Timeouts { connect: Duration::from_millis(300), ..Timeouts::default() };
    let spec = ClusterSpec { timeouts, breaker: None, ..ClusterSpec::new("test").with_target(url) };
    let cluster = cluster(spec);
    let none = Ask { retries: 0, ..Ask::default() };
    let answers = futures::future::join_all((0..20).map(|_| send(&cluster, get("/name"), &none))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(SendError::Connect(_)))), "{answers:?}");
    assert_eq!(accepted.load(Ordering::SeqCst), 1, "one has tried for all");
}
