//! TLS as curl and openssl see it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use denizen_gateway::Config;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::certificates::Authority;
use crate::hall::{Both, LIMIT, exchange, get, run, start_tls, start_tls_at, until};
use crate::setting;

/// Settings with certificates of `a.test` and `*.b.test`, and `more` of the section `gateway.tls`.
fn config(authority: &Authority, more: &str) -> Config {
    let a = authority.issue("a", "first", &["a.test", "127.0.0.1"]);
    let b = authority.issue("b", "second", &["*.b.test"]);
    setting::config(&format!(
        "[gateway]\nheader_timeout = \"5s\"\n[gateway.tls]\nlisten = \"127.0.0.1:1\"\ncert = {:?}\nkey = {:?}\n\
         certificates = [{{ cert = {:?}, key = {:?} }}]\n{more}",
        a.0, a.1, b.0, b.1
    ))
}

async fn begin(more: &str) -> (TempDir, Authority, Both) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let config = config(&authority, more);
    (folder, authority, start_tls(config).await)
}

/// Asks by curl for `/health/live` of a host; its exit, and what it said.
async fn curl(authority: &Authority, at: SocketAddr, host: &str, more: &[&str]) -> (bool, String) {
    let resolve = format!("{host}:{}:127.0.0.1", at.port());
    let url = format!("https://{host}:{}/health/live", at.port());
    let mut arguments = vec!["-sS", "-i", "--cacert", &authority.file, "--resolve", &resolve, &url];
    arguments.extend(more);
    run("curl", &arguments).await
}

/// The subject of the certificate that openssl is shown.
async fn subject(at: SocketAddr, name: Option<&str>) -> String {
    let at = at.to_string();
    let mut arguments = vec!["s_client", "-connect", &at];
    match name {
        Some(name) => arguments.extend(["-servername", name]),
        None => arguments.push("-noservername"),
    }
    let (_, text) = run("openssl", &arguments).await;
    text.lines().find(|line| line.starts_with("subject=")).unwrap_or(&text).to_owned()
}

#[tokio::test]
async fn clients_are_served_over_tls_by_both_protocols_and_versions() {
    let (_folder, authority, both) = begin("").await;
    for (more, line) in [
        (&["--http2"][..], "HTTP/2 200"),
        (&["--http1.1"], "HTTP/1.1 200"),
        (&["--tlsv1.2", "--tls-max", "1.2"], "HTTP/2 200"),
        (&["--tlsv1.3"], "HTTP/2 200"),
    ] {
        let (ok, text) = curl(&authority, both.tls, "a.test", more).await;
        assert!(ok && text.starts_with(line), "{more:?}: {text}");
        assert!(!text.contains("strict-transport-security"), "not on a laptop: {text}");
    }
    let (ok, text) = curl(&authority, both.tls, "c.test", &[]).await;
    assert!(!ok && text.contains("c.test"), "no certificate of that name: {text}");
    both.tasks.stop().await;
}

#[tokio::test]
async fn in_production_browsers_are_told_to_stay_with_tls_and_not_on_plain_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let mut config = config(&authority, "hsts = \"30d\"");
    config.development = false;
    let both = start_tls(config).await;
    let (_, text) = curl(&authority, both.tls, "a.test", &[]).await;
    assert!(text.contains("strict-transport-security: max-age=2592000"), "{text}");
    let text = exchange(both.plain, &get("/health/live", "")).await;
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("strict-transport"), "{text}");
    both.tasks.stop().await;
}

#[tokio::test]
async fn the_name_decides_which_certificate_is_shown() {
    let (_folder, authority, both) = begin("").await;
    assert_eq!(subject(both.tls, Some("a.test")).await, "subject=CN = first");
    assert_eq!(subject(both.tls, Some("x.b.test")).await, "subject=CN = second");
    assert_eq!(subject(both.tls, Some("X.B.test")).await, "subject=CN = second");
    assert_eq!(subject(both.tls, Some("b.test")).await, "subject=CN = first", "a wildcard is below");
    assert_eq!(subject(both.tls, None).await, "subject=CN = first");
    let (ok, text) = curl(&authority, both.tls, "x.b.test", &[]).await;
    assert!(ok, "{text}");
    both.tasks.stop().await;
}

#[tokio::test]
async fn new_files_are_taken_and_bad_ones_hold_up_nobody() {
    let (folder, authority, both) = begin("").await;
    std::fs::write(folder.path().join("a.pem"), "no certificate").unwrap();
    authority.issue("b", "third", &["*.b.test"]);
    until(|| subject(both.tls, Some("x.b.test")), |subject| subject.ends_with("third")).await;
    assert_eq!(subject(both.tls, Some("a.test")).await, "subject=CN = first", "the old one stays");
    authority.issue("a", "fourth", &["a.test"]);
    until(|| subject(both.tls, Some("a.test")), |subject| subject.ends_with("fourth")).await;
    both.tasks.stop().await;
}

#[tokio::test]
async fn plain_requests_are_sent_to_tls_by_names_that_are_ours() {
    let (_folder, _authority, both) = begin("").await;
    let ask = |host: &str, path: &str| {
        let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        async move { exchange(both.plain, &text).await }
    };
    let answer = ask("A.test:80", "/api/v1/users?q=x").await;
    let port = both.tls.port();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(answer.contains(&format!("location: https://A.test:{port}/api/v1/users?q=x\r\n")), "{answer}");
    let answer = ask("evil.test", "/api/v1/users").await;
    assert!(!answer.contains("evil.test") && !answer.starts_with("HTTP/1.1 308"), "{answer}");
    for path in ["/health/live", "/health/ready", "/.well-known/acme-challenge/x", "/metrics"] {
        assert!(!ask("a.test", path).await.starts_with("HTTP/1.1 308"), "{path}");
    }
    both.tasks.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_that_speaks_tls_itself_is_not_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    for (trusted, expected) in [("", "HTTP/1.1 308"), ("127.0.0.1", "HTTP/1.1 200")] {
        let mut config = config(&authority, "");
        config.trusted_proxies = denizen_gateway::Network::parse_list(trusted).unwrap();
        let both = start_tls(config).await;
        let text =
            "GET /info HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nX-Forwarded-Proto: https\r\n\r\n";
        let answer = exchange(both.plain, text).await;
        assert!(answer.starts_with(expected), "{trusted:?}: {answer}");
        both.tasks.stop().await;
    }
}

#[tokio::test]
async fn old_versions_are_refused_where_the_settings_say_so() {
    let (_folder, authority, both) = begin("min_version = \"1.3\"").await;
    assert!(!curl(&authority, both.tls, "a.test", &["--tls-max", "1.2"]).await.0);
    assert!(curl(&authority, both.tls, "a.test", &[]).await.0);
    both.tasks.stop().await;
}

#[tokio::test]
async fn clients_may_show_a_certificate_of_the_authority_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let foreign = Authority::new(folder.path(), "foreign");
    let both = start_tls(config(&authority, &format!("client_ca = {:?}", authority.file))).await;
    let (own, other) =
        (authority.issue("own", "ada", &["ada.test"]), foreign.issue("other", "ada", &["ada.test"]));
    assert!(curl(&authority, both.tls, "a.test", &[]).await.0, "none is fine");
    assert!(curl(&authority, both.tls, "a.test", &["--cert", &own.0, "--key", &own.1]).await.0);
    assert!(!curl(&authority, both.tls, "a.test", &["--cert", &other.0, "--key", &other.1]).await.0);
    both.tasks.stop().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let (_folder, _authority, both) = begin("handshake_timeout = \"50ms\"").await;
    assert_eq!(exchange(both.tls, "").await, "");
    assert_eq!(exchange(both.tls, "\u{16}\u{3}\u{1}").await, "");
    let answer = exchange(both.tls, &get("/health/live", "")).await;
    assert!(!answer.contains("HTTP"), "plain HTTP is not answered there");
    both.tasks.stop().await;
}

/// An address of this machine from which limits by address hold: loopback is free of them. None where there is no
/// network; nothing is sent to find out.
async fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").await.ok()?;
    socket.connect("192.0.2.1:9").await.ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// Whether the other side ends a connection that says nothing, within a time.
async fn is_ended(stream: &mut TcpStream, within: Duration) -> bool {
    timeout(within, stream.read(&mut [0])).await.is_ok()
}

#[tokio::test]
async fn an_address_has_its_places_before_it_shakes_hands_and_gets_them_back() {
    let Some(ip) = own_address().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let mut config = config(&authority, "handshake_timeout = \"1m\"");
    config.sockets.max_per_ip = 2;
    let both = start_tls_at(config, ip).await;
    let at = both.tls;
    let open = || async move { TcpStream::connect(at).await.unwrap() };
    let (mut first, mut second, mut third) = (open().await, open().await, open().await);
    assert!(is_ended(&mut third, LIMIT).await, "a third is one too many, though nobody has shaken hands");
    let mut plain = TcpStream::connect(both.plain).await.unwrap();
    assert!(is_ended(&mut plain, LIMIT).await, "nor is there one without TLS");
    let while_pending = Duration::from_millis(200);
    assert!(!is_ended(&mut first, while_pending).await && !is_ended(&mut second, while_pending).await);
    drop(first);
    let is_let_in = || async move { !is_ended(&mut open().await, while_pending).await };
    until(is_let_in, |is_let_in| *is_let_in).await;
    drop(second);
    both.tasks.stop().await;
}

#[tokio::test]
async fn health_warns_before_a_certificate_ends() {
    let (folder, authority, both) = begin("").await;
    let ask = || async { exchange(both.plain, &get("/health", "")).await };
    assert!(ask().await.contains(r#""certificates":{"detail":"hold","status":"ok"}"#), "{}", ask().await);
    authority.issue_until("a", "ended", &["a.test"], (2021, 1, 1));
    let text = until(ask, |text| text.contains(r#""certificates":{"detail":"a.test ended at"#)).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.contains(r#""status":"degraded""#), "{text}");
    drop((folder, both.app));
    both.tasks.stop().await;
}
