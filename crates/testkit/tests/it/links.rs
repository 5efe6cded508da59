//! Links between processes over TLS: a certificate of the house is needed on both sides.

use std::net::SocketAddr;
use std::path::Path;

use denizen_testkit::{Cluster, Options, PASSWORD, Topology, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// An authority, written as `{name}.pem`, and a certificate of it, as `{name}-leaf.pem` and `.key`.
fn authority(folder: &Path, name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Unlike its leaves: OpenSSL takes a certificate whose issuer has its own name for self-signed.
    params.distinguished_name.push(DnType::CommonName, format!("{name} authority"));
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), issuer.as_ref().pem()).unwrap();
    issue(folder, name, &issuer, "127.0.0.1");
    issuer
}

fn issue(folder: &Path, name: &str, issuer: &CertifiedIssuer<'_, KeyPair>, host: &str) {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    std::fs::write(folder.join(format!("{name}-leaf.pem")), leaf.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}-leaf.key")), key.serialize_pem()).unwrap();
}

fn file(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Asks a node's internal socket by curl, with the certificate of that name if any.
async fn ask(folder: &Path, at: SocketAddr, own: Option<&str>) -> bool {
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "5", "--cacert", &file(folder, "house.pem")]);
    if let Some(own) = own {
        let (cert, key) =
            (file(folder, &format!("{own}-leaf.pem")), file(folder, &format!("{own}-leaf.key")));
        command.args(["--cert", &cert, "--key", &key]);
    }
    let output = command.arg(format!("https://{at}/health/live")).output().await.unwrap();
    String::from_utf8_lossy(&output.stdout).contains("ok")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_processes_of_the_house_are_let_in_and_certificates_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let house = authority(folder, "house");
    let _foreign = authority(folder, "foreign");
    let settings = vec![
        ("services.tls.ca", file(folder, "house.pem")),
        ("services.tls.cert", file(folder, "house-leaf.pem")),
        ("services.tls.key", file(folder, "house-leaf.key")),
    ];
    let options = Options { settings, ..Options::default() };
    let mut cluster = Cluster::with(Topology::SplitOnSqlite, options).await;
    let client = cluster.client();
    let email = "ada@example.test";
    client.post("/users", json!({ "name": "Ada", "email": email, "password": PASSWORD })).await.expect(201);
    client.login(email).await;
    assert!(!client.mail(email, 1).await.to_string().is_empty(), "events travel too");

    let at = cluster.nodes["users"].address.unwrap();
    assert!(ask(folder, at, Some("house")).await);
    assert!(!ask(folder, at, Some("foreign")).await, "a certificate of another authority");
    assert!(!ask(folder, at, None).await, "no certificate");
    let mut plain = TcpStream::connect(at).await.unwrap();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "no TLS");

    // A new certificate for all, under way; then a node that is restarted with it.
    issue(folder, "house", &house, "127.0.0.1");
    eventually("the new certificate is shown", || async {
        let shown = Command::new("openssl")
            .args(["s_client", "-connect", &at.to_string(), "-showcerts"])
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .unwrap();
        let leaf = std::fs::read_to_string(folder.join("house-leaf.pem")).unwrap();
        String::from_utf8_lossy(&shown.stdout).contains(leaf.trim().lines().nth(1).unwrap()).then_some(())
    })
    .await;
    cluster.stop_node("users").await;
    cluster.start_node("users").await;
    eventually("a login goes on", || async {
        let answer = client.post("/auth/login", json!({ "email": email, "password": PASSWORD })).await;
        (answer.status == 200).then_some(())
    })
    .await;
    cluster.stop().await;
}
