//! Certificates of upstreams, renewed in their files.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Authority;
use crate::setting::{app, config, get, send_to};
use crate::upstreams::route;

/// A service with a certificate of this authority, which is content with all that it is asked.
async fn start_service(authority: &Authority) -> SocketAddr {
    let (certificate, key) = authority.issue("shop", "shop", &["shop.test"]);
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let tls = ServerConfig::builder_with_provider(denizen_tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = vec![0; 4096];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                    let _ = stream.flush().await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn what_the_files_of_an_upstream_hold_now_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(folder.path(), "old"), Authority::new(folder.path(), "new"));
    let address = start_service(&new).await;
    let trusted = folder.path().join("trusted.pem");
    std::fs::copy(&old.file, &trusted).unwrap();
    let upstream = format!(
        "[[gateway.upstreams]]\nname = \"shop\"\ntargets = [{{ url = \"https://{address}\" }}]\n\
         tls = {{ ca_file = {trusted:?}, server_name = \"shop.test\" }}\n"
    );
    let app = app(config(&(upstream + &route("/shop", "auth = \"none\""))));
    let status = || async {
        denizen_gateway::reload_routes(&app);
        send_to(&app, get("/shop")).await.0.status().as_u16()
    };
    assert_eq!(status().await, 502, "another authority is trusted");
    std::fs::copy(&new.file, &trusted).unwrap();
    assert_eq!(status().await, 200);
    std::fs::write(&trusted, "not yet").unwrap();
    assert_eq!(status().await, 200, "what was read before stays in force");
    std::fs::copy(&old.file, &trusted).unwrap();
    assert_eq!(status().await, 502);
}
