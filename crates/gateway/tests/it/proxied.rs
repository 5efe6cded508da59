//! Connections by way of a balancer that speaks the PROXY protocol, and limits by address.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::certificates::Authority;
use crate::hall::{exchange, get, run, start, start_tls, until};
use crate::setting::config;

const FROM_HERE: &str = "[gateway.proxy_protocol]\nfrom = [\"127.0.0.0/8\"]";

#[tokio::test]
async fn the_address_in_the_header_is_the_peer() {
    let (address, tasks, _) = start(config(FROM_HERE)).await;
    let ask = |header: &str| {
        let text = format!("{header}{}", get("/metrics", ""));
        async move { exchange(address, &text).await }
    };
    let near = ask("PROXY TCP4 127.0.0.1 127.0.0.1 4000 80\r\n").await;
    assert!(near.starts_with("HTTP/1.1 200"), "{near}");
    let far = ask("PROXY TCP4 203.0.113.9 127.0.0.1 4000 80\r\n").await;
    assert!(far.starts_with("HTTP/1.1 404"), "metrics are for neighbours: {far}");
    let own = ask("PROXY UNKNOWN\r\n").await;
    assert!(own.starts_with("HTTP/1.1 200"), "a check of the balancer itself: {own}");
    for bad in ["", "PROXY TCP4 nonsense\r\n", "PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n"] {
        assert_eq!(ask(bad).await, "", "{bad}");
    }
    tasks.stop().await;
}

#[tokio::test]
async fn from_others_a_header_is_no_header() {
    let (address, tasks, _) = start(config("[gateway.proxy_protocol]\nfrom = [\"10.0.0.0/8\"]")).await;
    let text = format!("PROXY TCP4 127.0.0.1 127.0.0.1 4000 80\r\n{}", get("/health/live", ""));
    let answer = exchange(address, &text).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(exchange(address, &get("/health/live", "")).await.starts_with("HTTP/1.1 200"));
    tasks.stop().await;
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let (cert, key) = authority.issue("a", "a", &["127.0.0.1"]);
    let toml =
        format!("{FROM_HERE}\n[gateway.tls]\nlisten = \"127.0.0.1:1\"\ncert = {cert:?}\nkey = {key:?}");
    let both = start_tls(config(&toml)).await;
    let url = format!("https://{}/health/live", both.tls);
    let (ok, text) = run("curl", &["-sS", "--cacert", &authority.file, "--haproxy-protocol", &url]).await;
    assert!(ok && text.contains("ok"), "{text}");
    let (ok, text) = run("curl", &["-sS", "--cacert", &authority.file, &url]).await;
    assert!(!ok, "without it there is no handshake: {text}");
    both.tasks.stop().await;
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_have_theirs() {
    let toml = format!("[gateway]\nmax_connections_per_ip = 2\n{FROM_HERE}");
    let (address, tasks, _) = start(config(&toml)).await;
    let connect = |ip: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let text = format!(
            "PROXY TCP4 {ip} 127.0.0.1 4000 80\r\nGET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        let served = stream.read_exact(&mut start).await.is_ok();
        served.then_some(stream)
    };
    let (first, second) = (connect("203.0.113.9").await, connect("203.0.113.9").await);
    assert!(first.is_some() && second.is_some());
    assert!(connect("203.0.113.9").await.is_none(), "a third is one too many");
    assert!(connect("203.0.113.10").await.is_some(), "another address has its own");
    drop(first);
    until(|| connect("203.0.113.9"), Option::is_some).await;
    tasks.stop().await;
}
