//! Routes that are read again while they are in use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::hall::LIMIT;
use crate::setting::{config, get, send_to};
use crate::upstream::{Upstream, start_echo};
use crate::upstreams::{route, serve};

/// How often the routes are read again.
const RELOADS: usize = 100;

/// How many clients ask without a pause, and how many wait with an open connection.
const BUSY: usize = 4;
const IDLE: usize = 3;

/// How many connections have left HTTP.
const TUNNELS: usize = 6;

/// A client with one connection and no other.
struct Client {
    sender: SendRequest<Empty<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        Self { sender, connection: tokio::spawn(connection) }
    }

    /// Asks by its connection, which must be open before and after.
    async fn ask(&mut self) {
        self.sender.ready().await.expect("the connection is open");
        let request = Request::get("/shop/x").header("host", "localhost").body(Empty::new()).unwrap();
        let response = timeout(LIMIT, self.sender.send_request(request)).await.expect("an answer").unwrap();
        assert_eq!(response.status(), 200);
        let body = timeout(LIMIT, response.into_body().collect()).await.expect("a body").unwrap();
        let asked: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
        assert_eq!(asked["target"], "/shop/x");
        assert!(!self.connection.is_finished(), "the connection stays");
    }
}

/// A connection that has left HTTP.
async fn tunnel(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = "GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
               Sec-WebSocket-Key: a2V5a2V5a2V5a2V5a2V5a2U=\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(LIMIT, stream.read_u8()).await.expect("an answer").unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

async fn echo(tunnel: &mut TcpStream, word: &[u8; 4]) {
    tunnel.write_all(word).await.unwrap();
    let mut echoed = [0; 4];
    timeout(LIMIT, tunnel.read_exact(&mut echoed)).await.expect("an echo").unwrap();
    assert_eq!(&echoed, word);
}

/// A client that asks for ever, and how often it was answered. The task ends only if something fails.
async fn keep_asking(address: SocketAddr) -> (JoinHandle<()>, Arc<AtomicUsize>) {
    let (mut client, answered) = (Client::connect(address).await, Arc::new(AtomicUsize::new(0)));
    let count = answered.clone();
    let asking = tokio::spawn(async move {
        loop {
            client.ask().await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (asking, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_drop_nothing() {
    let (upstream, echoes) = (Upstream::start().await, start_echo("websocket").await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.toml");
    let echoes =
        format!("[[gateway.upstreams]]\nname = \"echo\"\ntargets = [{{ url = \"http://{echoes}\" }}]\n");
    let live = "[[gateway.routes]]\nname = \"live\"\nmatch = { path = \"/live\" }\nupstream = \"echo\"\nauth = \"none\"\n";
    let write = |turn: usize, with_live: bool| {
        let more = format!(
            "[[gateway.routes]]\nname = \"turn\"\nmatch = {{ path = \"/turn/{turn}\" }}\nupstream = \"denizen\"\n"
        );
        let live = if with_live { live } else { "" };
        let text =
            upstream.toml("shop") + &route("/shop/{*rest}", "auth = \"none\"") + &echoes + live + &more;
        std::fs::write(&file, text).unwrap();
    };
    write(0, true);
    let settings =
        format!("[gateway]\nroutes_file = {:?}\n[gateway.limits]\nenabled = false", file.to_str().unwrap());
    let (address, app, tasks) = serve(config(&settings)).await;

    let (mut tunnels, mut idle, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TUNNELS {
        tunnels.push(tunnel(address).await);
    }
    for _ in 0..IDLE {
        let mut client = Client::connect(address).await;
        client.ask().await;
        idle.push(client);
    }
    for _ in 0..BUSY {
        busy.push(keep_asking(address).await);
    }
    let answered = || -> Vec<usize> { busy.iter().map(|(_, count)| count.load(Ordering::SeqCst)).collect() };
    let has_failed = || busy.iter().any(|(asking, _)| asking.is_finished());
    for turn in 1..=RELOADS {
        // The tunnels' own route goes on the way: what has begun stays.
        write(turn, turn < RELOADS / 2);
        let before = answered();
        denizen_gateway::reload_routes(&app);
        let status = send_to(&app, get(&format!("/turn/{turn}"))).await.0.status();
        assert_ne!(status, 200, "the path leads to nothing, but a route takes it");
        while answered().iter().zip(&before).any(|(now, before)| now <= before) && !has_failed() {
            tokio::task::yield_now().await;
        }
        for tunnel in &mut tunnels {
            echo(tunnel, b"ping").await;
        }
    }
    assert!(!has_failed(), "no request failed, and no connection was closed");
    for client in &mut idle {
        client.ask().await;
    }
    assert!(answered().iter().all(|count| *count >= RELOADS), "{:?}", answered());
    for (asking, _) in &busy {
        asking.abort();
    }
    let connections = upstream.connections();
    assert!(connections <= 4 * BUSY, "an upstream that stays keeps its connections: {connections}");
    drop((tunnels, idle));
    tasks.stop().await;
}
