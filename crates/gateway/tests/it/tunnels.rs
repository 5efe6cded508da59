//! What has left HTTP holds what it came with until it ends.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hall::{LIMIT, start, until};
use crate::setting::config;
use crate::upstream::start_echo;

/// A gateway's settings with a route `/live` to a service that gives back what it gets.
async fn live(protocol: &'static str, gateway: &str, more: &str) -> String {
    let echo = start_echo(protocol).await;
    format!(
        "[gateway]\n{gateway}\n[[gateway.upstreams]]\nname = \"echo\"\ntargets = [{{ url = \"http://{echo}\" }}]\n\
         [[gateway.routes]]\nname = \"live\"\nmatch = {{ path = \"/live\" }}\nupstream = \"echo\"\nauth = \"none\"\n{more}\n"
    )
}

/// A connection on which HTTP was asked to be left, and the status of the answer.
async fn ask(address: std::net::SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = "GET /live HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    tokio::time::timeout(LIMIT, stream.read_exact(&mut head)).await.unwrap().unwrap();
    (stream, String::from_utf8_lossy(&head[9..]).into_owned())
}

#[tokio::test]
async fn a_tunnel_counts_with_its_route_until_it_ends() {
    let toml = live("echo", "", "max_in_flight = 1").await;
    let (address, tasks, _) = start(config(&toml)).await;
    let (tunnel, status) = ask(address).await;
    assert_eq!(status, "101");
    assert_eq!(ask(address).await.1, "503", "it has the only place");
    drop(tunnel);
    until(|| async { ask(address).await.1 }, |status| status == "101").await;
    tasks.stop().await;
}

#[tokio::test]
async fn a_tunnel_over_http2_keeps_its_connection_at_work() {
    let toml = live("websocket", "idle_timeout = \"300ms\"", "").await;
    let (address, tasks, _) = start(config(&toml)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // The server's settings, which allow it, come with the first answer.
    let first = Request::get("http://x/health/live").body(Empty::<Bytes>::new()).unwrap();
    sender.send_request(first).await.unwrap().into_body().collect().await.unwrap();
    let mut ask = Request::connect("http://x/live").body(Empty::<Bytes>::new()).unwrap();
    ask.extensions_mut().insert(Protocol::from_static("websocket"));
    let mut response = sender.send_request(ask).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut socket = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        socket.write_all(b"ping").await.unwrap();
        let mut echoed = [0; 4];
        tokio::time::timeout(LIMIT, socket.read_exact(&mut echoed)).await.expect("an echo").unwrap();
        assert_eq!(&echoed, b"ping");
    }
    drop(socket);
    tasks.stop().await;
}
