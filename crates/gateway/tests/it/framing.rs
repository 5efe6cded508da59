//! Requests that two readers could take for different ones, and floods of HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hall::{LIMIT, exchange, start};
use crate::setting::config;

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const LENGTH: &str = "Content-Length: 6\r\n";

#[tokio::test]
async fn a_body_with_two_lengths_is_refused_and_nothing_after_it_is_read() {
    let (address, tasks, _) = start(config("")).await;
    let hidden = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    for headers in [
        format!("{LENGTH}{CHUNKED}"),
        format!("{CHUNKED}{LENGTH}"),
        format!("{CHUNKED}X: y\r\ncontent-LENGTH:6\r\n"),
    ] {
        let request = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{headers}\r\n0\r\n\r\n{hidden}"
        );
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert!(
            answer.contains("not both") && answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    tasks.stop().await;
}

#[tokio::test]
async fn a_coding_that_is_not_taken_off_is_not_spoken() {
    let (address, tasks, _) = start(config("")).await;
    let hidden = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    for codings in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \"chunked\", chunked\r\n",
    ] {
        let request = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{codings}\r\n2\r\n{{}}\r\n0\r\n\r\n{hidden}"
        );
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 501"), "{codings}: {answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    tasks.stop().await;
}

#[tokio::test]
async fn one_length_each_is_fine_on_one_connection() {
    let (address, tasks, _) = start(config("")).await;
    let first = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{CHUNKED}\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    let second = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let answer = exchange(address, &format!("{first}{first}{second}")).await;
    assert_eq!(answer.matches("HTTP/1.1").count(), 3, "{answer}");
    assert!(!answer.contains("not both"), "{answer}");
    tasks.stop().await;
}

#[tokio::test]
async fn a_target_with_another_host_is_refused() {
    let (address, tasks, _) = start(config("")).await;
    let ask = |target: &str, host: &str| {
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        async move { exchange(address, &text).await }
    };
    assert!(ask("http://a.test/info", "a.test").await.starts_with("HTTP/1.1 200"));
    assert!(ask("http://a.test/info", "b.test").await.starts_with("HTTP/1.1 400"));
    assert!(ask("http://a.test/info/", "b.test").await.starts_with("HTTP/1.1 400"), "nor with a slash");
    assert!(ask("http://a.test:81/info", "a.test").await.starts_with("HTTP/1.1 400"));
    tasks.stop().await;
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let (address, tasks, _) = start(config("")).await;
    let ask = |host: &str| {
        let text = format!("GET /info HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        async move { exchange(address, &text).await }
    };
    for host in ["a.test", "a.test:80", "127.0.0.1:65535", "[::1]:80"] {
        assert!(ask(host).await.starts_with("HTTP/1.1 200"), "{host}");
    }
    for host in ["a.test, b.test", "a b", "u@b.test", "b.test/x", "a.test:99999999", ""] {
        assert!(ask(host).await.starts_with("HTTP/1.1 400"), "{host}");
    }
    tasks.stop().await;
}

#[tokio::test]
async fn an_upgrade_to_http2_is_not_taken() {
    let (address, tasks, _) = start(config("")).await;
    let request = "GET /info HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n";
    let answer = exchange(address, request).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("101"), "{answer}");
    tasks.stop().await;
}

async fn http2(
    address: SocketAddr,
) -> (h2::client::SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

fn ask(path: &str) -> http::Request<()> {
    http::Request::get(format!("http://a.test{path}")).body(()).unwrap()
}

#[tokio::test]
async fn an_old_connection_is_ended_in_good_order() {
    let (address, tasks, _) = start(config("[gateway]\nmax_connection_age = \"100ms\"")).await;
    let (mut client, connection) = http2(address).await;
    let (answer, _) = client.send_request(ask("/health/live"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    let ended = tokio::time::timeout(crate::hall::LIMIT, connection).await.expect("it ends").unwrap();
    assert!(ended.is_ok(), "with GOAWAY and no error: {ended:?}");
    tasks.stop().await;
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Written frame by frame: a well-behaved client does not even send what it has taken back.
#[tokio::test]
async fn a_client_that_resets_all_it_asks_is_sent_away() {
    const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
    const ENHANCE_YOUR_CALM: [u8; 4] = 11_u32.to_be_bytes();
    let (address, tasks, _) = start(config("")).await;
    // GET http://a/ in HPACK (RFC 7541): three entries of the static table, and :authority with a literal value.
    let head = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
    let mut flood = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
    for stream in (1..4_000).step_by(2) {
        // HEADERS with END_STREAM and END_HEADERS, then RST_STREAM.
        flood.extend(frame(1, 5, stream, &head));
        flood.extend(frame(3, 0, stream, &CANCEL));
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(&flood).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("it ends");
    let mut rest = answer.as_slice();
    let mut reasons = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(9) {
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some((payload, next)) = after.split_at_checked(length) else { break };
        // GOAWAY: the last stream, then why.
        if head[3] == 7 {
            reasons.push(payload[4..8].to_vec());
        }
        rest = next;
    }
    assert_eq!(reasons.last().map(Vec::as_slice), Some(&ENHANCE_YOUR_CALM[..]), "{reasons:?}");
    tasks.stop().await;
}
