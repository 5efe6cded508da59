use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hall::{LIMIT, exchange, get, start, until};
use crate::setting::config;

#[tokio::test]
async fn a_neighbour_sees_metrics_and_mailbox_but_not_through_a_proxy() {
    let (address, tasks, _) = start(config("")).await;
    assert!(exchange(address, &get("/metrics", "")).await.starts_with("HTTP/1.1 200"));
    assert!(exchange(address, &get("/dev/mailbox", "")).await.starts_with("HTTP/1.1 200"));
    for proxied in [
        "X-Forwarded-For: 127.0.0.1\r\n",
        "Forwarded: for=127.0.0.1\r\n",
        "Via: 1.1 p\r\n",
        "X-Forwarded-Host: localhost\r\n",
    ] {
        for path in ["/metrics", "/dev/mailbox", "/dev/mailbox/messages"] {
            assert!(
                exchange(address, &get(path, proxied)).await.starts_with("HTTP/1.1 404"),
                "{path} {proxied}"
            );
        }
    }
    let other = "GET /dev/mailbox HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n";
    assert!(exchange(address, other).await.starts_with("HTTP/1.1 404"));
    tasks.stop().await;
}

#[tokio::test]
async fn a_mailbox_of_a_node_that_others_can_reach_is_shut() {
    let mut config = config("");
    config.public_url = "https://id.example".to_owned();
    let (address, tasks, _) = start(config).await;
    assert!(exchange(address, &get("/dev/mailbox", "")).await.starts_with("HTTP/1.1 404"));
    tasks.stop().await;
}

#[tokio::test]
async fn requests_that_could_be_two_are_refused() {
    let (address, tasks, _) = start(config("")).await;
    let cases = [
        "GET /info HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /info HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        "POST /api/v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{} x".to_owned(),
        "POST /api/v1/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nConnection: close\r\n\r\n0\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ];
    for case in cases {
        let answer = exchange(address, &case).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{case} -> {answer}");
    }
    let long = format!("X-Long: {}\r\n", "x".repeat(100_000));
    assert!(exchange(address, &get("/info", &long)).await.starts_with("HTTP/1.1 431"));
    let many = "X-Many: x\r\n".repeat(200);
    assert!(exchange(address, &get("/info", &many)).await.starts_with("HTTP/1.1 431"));
    tasks.stop().await;
}

/// All runs on the thread of the test, so its own recorder gets what is measured.
#[tokio::test]
async fn requests_that_nobody_can_read_are_counted_and_count_for_their_address() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (_guard, shown) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
    let toml = "[gateway.proxy_protocol]\nfrom = [\"127.0.0.0/8\"]\n[gateway.limits]\nper_ip = \"3/1h\"";
    let (address, tasks, _) = start(config(toml)).await;
    let from = |ip: &str, text: &str| format!("PROXY TCP4 {ip} 127.0.0.1 4000 80\r\n{text}");
    let long = get("/info", &format!("X-Long: {}\r\n", "x".repeat(100_000)));
    let spaces = "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n";
    let bad = [(spaces, 400), ("GET / HTTP/9.9\r\n\r\n", 400), (long.as_str(), 431)];
    for (text, status) in bad {
        let answer = exchange(address, &from("203.0.113.9", text)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    let line = |status: u16, count: u16| {
        format!("denizen_http_requests_total{{method=\"\",route=\"none\",status=\"{status}\"}} {count}\n")
    };
    let (small, large) = (line(400, 2), line(431, 1));
    // A connection ends, and is noted, a little after its client has gone.
    until(|| std::future::ready(shown.render()), |text| text.contains(&small) && text.contains(&large)).await;
    let again = exchange(address, &from("203.0.113.9", &get("/info", ""))).await;
    assert!(again.starts_with("HTTP/1.1 429"), "its address has had its three: {again}");
    let other = exchange(address, &from("203.0.113.10", &get("/info", ""))).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
    tasks.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let (address, tasks, _) = start(config("[gateway]\nheader_timeout = \"50ms\"")).await;
    assert_eq!(exchange(address, "").await, "");
    assert_eq!(exchange(address, "GET / HTTP/1.1\r\nHost:").await, "");
    assert!(exchange(address, &get("/info", "")).await.starts_with("HTTP/1.1 200"));
    tasks.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_only() {
    let (address, tasks, _) =
        start(config("[gateway]\nheader_timeout = \"50ms\"\nidle_timeout = \"300ms\"")).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let started = tokio::time::Instant::now();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("it closes").unwrap();
    assert!(String::from_utf8(answer).unwrap().starts_with("HTTP/1.1 200"));
    assert!(started.elapsed() >= Duration::from_millis(250), "the limit of a head is not that of idle time");
    tasks.stop().await;
}

#[tokio::test]
async fn a_stop_lets_open_requests_finish() {
    let (address, tasks, serving) = start(config("")).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let probe = exchange(address, &get("/health/live", "")).await;
    assert!(probe.starts_with("HTTP/1.1 200"), "the server has had its turn");
    tasks.stop().await;
    stream.write_all(b"}").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("it closes").unwrap();
    assert!(String::from_utf8(answer).unwrap().starts_with("HTTP/1.1 422"));
    tokio::time::timeout(LIMIT, serving).await.expect("the server ends").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn garbage_does_not_stop_the_server() {
    let (address, tasks, _) = start(config("")).await;
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(&[0xff; 64]).await;
    }
    assert!(exchange(address, &get("/health/live", "")).await.starts_with("HTTP/1.1 200"));
    tasks.stop().await;
}
