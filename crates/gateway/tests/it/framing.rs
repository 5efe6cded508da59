//! Requests that two readers could take for different ones, and floods of HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::hall::{exchange, start};
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
