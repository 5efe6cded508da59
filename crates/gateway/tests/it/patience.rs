//! How long the gateway waits for bodies, and how long it uses a connection.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hall::{LIMIT, exchange, get, read_to_end, start};
use crate::setting::config;
use crate::upstream::Upstream;
use crate::upstreams::route;

/// Sends a body in so many parts of so many bytes, a pause before each, and goes on until the answer has come; that.
async fn upload(toml: &str, parts: usize, size: usize, pause: Duration) -> String {
    let (address, tasks, _) = start(config(toml)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        parts * size
    );
    let (mut read, mut write) = stream.into_split();
    let sending = async {
        write.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..parts {
            tokio::time::sleep(pause).await;
            write.write_all(&vec![b' '; size]).await.unwrap();
        }
        // A client that closes its side has gone: it gets no answer.
        std::future::pending::<()>().await;
    };
    let mut answer = String::new();
    let receiving = tokio::time::timeout(LIMIT, read.read_to_string(&mut answer));
    tokio::select! {
        () = sending => unreachable!(),
        read = receiving => read.expect("it closes").expect("no reset takes the answer away"),
    };
    tasks.stop().await;
    answer
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up_and_one_that_moves_is_not() {
    let toml = "[gateway]\nbody_timeout = \"200ms\"\nbody_min_rate = \"1KiB\"";
    let pause = Duration::from_millis(25);
    let answer = upload(toml, 1_000, 1, pause).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too slowly"), "{answer}");
    let answer = upload(toml, 30, 2_048, pause).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// As most simple clients do: they read nothing before they have sent all.
#[tokio::test]
async fn one_who_sends_too_much_before_it_reads_is_told_so() {
    let (address, tasks, _) = start(config("[gateway]\nbody_limit = \"1KiB\"")).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = 300_000;
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..length / 10_000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.write_all(&[b' '; 10_000]).await.expect("it takes all");
    }
    let mut answer = [0; 12];
    tokio::time::timeout(LIMIT, stream.read_exact(&mut answer)).await.unwrap().expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
    tasks.stop().await;
}

/// A file of a known length that comes slowly.
async fn slow_file() -> impl IntoResponse {
    let parts = stream::unfold(0, |part| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        (part < 20).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; 10_000])), part + 1))
    });
    ([("content-length", "200000")], Body::from_stream(parts))
}

#[tokio::test]
async fn a_download_that_moves_outlives_the_time_of_idle_connections() {
    let upstream = Upstream::serve(Router::new().fallback(slow_file)).await;
    let idle = "[gateway]\nidle_timeout = \"300ms\"\n".to_owned();
    let toml = idle + &upstream.toml("shop") + &route("/shop/{*rest}", "auth = \"none\"");
    let (address, tasks, _) = start(config(&toml)).await;
    let answer = exchange(address, &get("/shop/file", "")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("200000"), "{head}");
    assert_eq!(body.len(), 200_000);
    tasks.stop().await;
}

#[tokio::test]
async fn an_old_connection_says_with_an_answer_that_it_ends() {
    let (address, tasks, _) = start(config("[gateway]\nmax_connection_age = \"100ms\"")).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut answers = 0;
    let last = loop {
        stream.write_all(request).await.unwrap();
        let mut buffer = vec![0; 4096];
        let read = tokio::time::timeout(LIMIT, stream.read(&mut buffer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200"), "no request fails: {answer}");
        answers += 1;
        if answer.to_lowercase().contains("connection: close") {
            break answer;
        }
    };
    assert!(answers > 1 && last.contains("\"ok\""), "{answers}");
    assert_eq!(read_to_end(&mut stream).await, "");
    tasks.stop().await;
}
