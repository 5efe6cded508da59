//! How long the gateway waits for bodies, and how long it uses a connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hall::{LIMIT, read_to_end, start};
use crate::setting::config;

/// Sends a body in so many parts of so many bytes, a pause before each; the answer.
async fn upload(toml: &str, parts: usize, size: usize, pause: Duration) -> String {
    let (address, tasks, _) = start(config(toml)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        parts * size
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..parts {
            tokio::time::sleep(pause).await;
            if write.write_all(&vec![b' '; size]).await.is_err() {
                return;
            }
        }
    });
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(LIMIT, read.read_to_end(&mut answer)).await.expect("it closes");
    sending.abort();
    tasks.stop().await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
#[ignore = "the connection closes without the answer: ./check --full runs it"]
async fn a_body_that_trickles_is_given_up_and_one_that_moves_is_not() {
    let toml = "[gateway]\nbody_timeout = \"200ms\"\nbody_min_rate = \"1KiB\"";
    let pause = Duration::from_millis(25);
    let answer = upload(toml, 1_000, 1, pause).await;
    // Whoever still sends when the connection closes may lose the answer to a reset (RFC 9112 §9.6).
    let is_told = answer.starts_with("HTTP/1.1 408") && answer.contains("too slowly");
    assert!(is_told || answer.is_empty(), "{answer}");
    let answer = upload(toml, 30, 2_048, pause).await;
    assert!(answer.starts_with("HTTP/1.1 4") && !answer.starts_with("HTTP/1.1 408"), "{answer}");
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
