//! What goes over the wire, byte by byte: stale connections, broken answers, and attempts to smuggle.

use std::net::SocketAddr;

use denizen_upstream::http::{PoolSpec, Tell, Timeouts};
use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A target that answers each request with the next of these, word by word, and closes after the last of each
/// connection. What it read comes out of the channel.
async fn script(connections: Vec<Vec<&'static str>>) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, reader) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answers in connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in answers {
                let head = read_head(&mut stream).await;
                seen.send(head).unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            stream.shutdown().await.unwrap();
            seen.send("closed".to_owned()).unwrap();
        }
        std::future::pending::<()>().await;
    });
    (address, reader)
}

/// All that comes until a pause after the end of a head.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while !all.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(all).unwrap()
}

fn to(address: SocketAddr) -> Cluster {
    cluster(ClusterSpec::new("test").with_target(format!("http://{address}")))
}

fn post() -> Request<Body> {
    Request::post("/name").body(Body::from(bytes::Bytes::from_static(b"x"))).unwrap()
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_request_of_any_method() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = to(listener.local_addr().unwrap());
    let none = Ask { retries: 0, ..Ask::default() };
    for _ in 0..3 {
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream
        };
        let ask = async { read(send(&cluster, post(), &none).await.unwrap()).await };
        let (mut stream, answer) = tokio::join!(answer, ask);
        assert_eq!(answer, (200, "ok".to_owned()));
        until("it is kept", || cluster.status().targets[0].idle_connections == 1).await;
        stream.shutdown().await.unwrap();
        // The reactor learns of it when the runtime is idle (tokio wakes those that yield after that).
        tokio::task::yield_now().await;
    }
    let status = cluster.status();
    assert_eq!((status.failures, status.retries), (0, 0));
}

#[tokio::test]
async fn idle_connections_are_closed_in_time() {
    let backend = Backend::start("one");
    let pool = PoolSpec { idle_timeout: Duration::from_millis(200), ..PoolSpec::default() };
    let cluster = cluster(ClusterSpec { pool, ..spec(&[&backend]) });
    ask_for(&cluster, "/name").await;
    assert_eq!(cluster.status().targets[0].idle_connections, 1);
    until("it is closed", || cluster.status().targets[0].idle_connections == 0).await;
    ask_for(&cluster, "/name").await;
    assert_eq!(backend.connections(), 2);
}

#[tokio::test]
async fn a_request_has_one_framing_whatever_its_headers_say() {
    let (address, mut seen) = script(vec![vec![OK], vec![OK]]).await;
    let cluster = to(address);
    let mut request = post();
    request.headers_mut().insert("content-length", HeaderValue::from_static("1"));
    read(send(&cluster, request, &Ask::default()).await.unwrap()).await;
    let head = seen.recv().await.unwrap().to_lowercase();
    assert_eq!(head.matches("content-length").count(), 1, "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(head.starts_with("post /name http/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn answers_that_say_two_things_are_refused() {
    for bad in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        "HTTP/1.1 200 OK\r\nbad header: x\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
    ] {
        let (address, _seen) = script(vec![vec![bad]]).await;
        let cluster = to(address);
        let none = Ask { retries: 0, ..Ask::default() };
        match send(&cluster, get("/name"), &none).await {
            Err(error) => assert!(matches!(error, SendError::Broken(_)), "{bad:?}: {error}"),
            Ok(response) => assert!(response.into_body().collect().await.is_err(), "{bad:?}"),
        }
        assert_eq!(cluster.status().failures, 1, "{bad:?}");
        assert_eq!(cluster.status().targets[0].idle_connections, 0);
    }
}

#[tokio::test]
async fn a_change_of_protocol_that_nobody_asked_for_is_no_answer() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n\
                  HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (address, _seen) = script(vec![vec![switch], vec![OK]]).await;
    let cluster = to(address);
    let none = Ask { retries: 0, ..Ask::default() };
    let failed = send(&cluster, get("/name"), &none).await;
    assert!(matches!(failed, Err(SendError::Unasked)), "{failed:?}");
    let status = cluster.status();
    assert_eq!((status.failures, status.targets[0].idle_connections), (1, 0));
    assert_eq!(ask_for(&cluster, "/name").await, (200, "ok".to_owned()), "over a connection of its own");
}

#[tokio::test]
async fn bytes_after_an_answer_are_not_taken_for_the_next() {
    let smuggled =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (address, _seen) = script(vec![vec![smuggled], vec![OK]]).await;
    let cluster = to(address);
    for _ in 0..2 {
        assert_eq!(ask_for(&cluster, "/name").await, (200, "ok".to_owned()));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_to_its_reader() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok";
    let (address, _seen) = script(vec![vec![cut]]).await;
    let cluster = to(address);
    let response = send(&cluster, get("/name"), &Ask::default()).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    let status = cluster.status();
    assert_eq!((status.failures, status.targets[0].in_flight), (1, 0));
}

#[tokio::test]
async fn a_connection_closed_within_a_request_is_told_apart_by_its_method() {
    let (address, _seen) = script(vec![vec![OK, ""], vec![OK]]).await;
    let cluster = to(address);
    ask_for(&cluster, "/name").await;
    let failed = send(&cluster, post(), &Ask::default()).await;
    assert!(matches!(failed, Err(SendError::Broken(_))), "it may have been done: {failed:?}");
    assert_eq!(ask_for(&cluster, "/name").await.0, 200);
}

#[tokio::test]
async fn each_try_is_told_how_long_it_has() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timeouts = Timeouts { head: Duration::from_millis(500), ..Timeouts::default() };
    let spec = ClusterSpec::new("test").with_target(format!("http://{}", listener.local_addr().unwrap()));
    let cluster = cluster(ClusterSpec { timeouts, ..spec });
    let tell: Tell = |headers, left| {
        headers.insert("x-left", HeaderValue::from(u64::try_from(left.as_millis()).unwrap()));
    };
    let deadline = Some(tokio::time::Instant::now() + Duration::from_millis(900));
    let ask = Ask { deadline, tell: Some(tell), ..Ask::default() };
    let answer = async {
        let (mut silent, _) = listener.accept().await.unwrap();
        let first = read_head(&mut silent).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        let second = read_head(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        (first, second, silent)
    };
    let asking = async { read(send(&cluster, get("/name"), &ask).await.unwrap()).await };
    let ((first, second, _silent), answered) = tokio::join!(answer, asking);
    assert_eq!(answered, (200, "ok".to_owned()));
    let left = |head: &str| -> u64 {
        head.lines().find_map(|line| line.strip_prefix("x-left: ")).unwrap().parse().unwrap()
    };
    assert_eq!(left(&first), 500, "the limit of a try");
    assert!(left(&second) <= 400, "what is left of all: {second}");
}
