//! [`forward`] between real clients and real upstreams on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use denizen_upstream::http::{BreakerSpec, ClusterSpec, Timeouts};
use futures::StreamExt as _;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::*;

/// Far more than anything here takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

/// An upstream, and a gateway that sends everything there.
struct Rig {
    gateway: SocketAddr,
    cluster: Cluster,
    tasks: Tasks,
    /// Lets the second event of `/events` out.
    second: Arc<Notify>,
}

impl Rig {
    async fn start(policy: ForwardPolicy) -> Self {
        let second = Arc::new(Notify::new());
        let upstream = serve({
            let second = second.clone();
            move |request| upstream(request, second.clone())
        })
        .await;
        Self::in_front_of(&format!("http://{upstream}"), policy, second).await
    }

    async fn in_front_of(target: &str, policy: ForwardPolicy, second: Arc<Notify>) -> Self {
        let tasks = Tasks::new();
        let timeouts = Timeouts { head: Duration::from_millis(200), ..Timeouts::default() };
        let breaker = Some(BreakerSpec { failures: 2, ..BreakerSpec::default() });
        let spec = ClusterSpec { timeouts, breaker, ..ClusterSpec::new("test").with_target(target) };
        let cluster = Cluster::start(spec, &tasks).unwrap();
        let shared = Arc::new((cluster.clone(), policy, tasks.clone()));
        let gateway = serve(move |request| through(request, shared.clone())).await;
        Self { gateway, cluster, tasks, second }
    }

    /// Sends these bytes and gives back all that comes until the connection closes.
    async fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.gateway).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(HANG, stream.read_to_end(&mut answer)).await.expect("it hangs").unwrap();
        String::from_utf8(answer).unwrap().to_lowercase()
    }
}

/// Serves both versions of HTTP with upgrades.
async fn serve<F, R>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answered = answer(request);
                    async move { Ok::<_, Infallible>(answered.await) }
                });
                let mut builder = Builder::new(TokioExecutor::new());
                builder.http2().enable_connect_protocol();
                let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// The gateway's part: forwards, and renders failures as the edge does.
async fn through(request: Request<Incoming>, shared: Arc<(Cluster, ForwardPolicy, Tasks)>) -> Response<Body> {
    let (cluster, policy, tasks) = &*shared;
    let identity = Identity { user: Some(HeaderValue::from_static("u-1")), ..Identity::default() };
    let hop = Hop {
        peer: Some("192.0.2.1:4000".parse().unwrap()),
        client_ip: Some("192.0.2.1".parse().unwrap()),
        is_peer_trusted: false,
        scheme: "http",
        request_id: &HeaderValue::from_static("id-1"),
        trace: None,
        identity: Some(&identity),
        policy,
        tunnels: Tunnels { tasks, drain: Duration::from_millis(50), until: None, stay: None },
    };
    match forward(&hop, cluster, request.map(Body::new)).await {
        Ok(response) => response,
        Err(failure) => failure.render("", "id-1"),
    }
}

async fn upstream(mut request: Request<Incoming>, second: Arc<Notify>) -> Response<Body> {
    match request.uri().path() {
        "/hang" => std::future::pending().await,
        "/bad" => Response::builder().status(502).body(Body::from("mine")).unwrap(),
        "/events" => {
            let frames = futures::stream::once(async { Bytes::from_static(b"data: one\n\n") })
                .chain(futures::stream::once(async move {
                    second.notified().await;
                    Bytes::from_static(b"data: two\n\n")
                }))
                .map(|part| Ok::<_, Infallible>(Frame::data(part)));
            Response::builder()
                .header("content-type", "text/event-stream")
                .header("connection", "x-private")
                .header("x-private", "1")
                .body(Body::new(StreamBody::new(frames)))
                .unwrap()
        }
        "/socket" if request.headers().contains_key(UPGRADE) => {
            let key = request.headers().contains_key("sec-websocket-key");
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
            Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-accept", if key { "key" } else { "none" })
                .body(Body::empty())
                .unwrap()
        }
        _ => {
            let head = format!("{} {}", request.method(), request.uri());
            let mut lines: Vec<String> = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            lines.sort();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let seen = format!("{head}\n{}\n[{}]\n", lines.join("\n"), String::from_utf8_lossy(&body));
            Response::new(Body::from(seen))
        }
    }
}

#[tokio::test]
async fn an_upstream_sees_the_request_and_what_the_gateway_says() {
    let rig =
        Rig::start(ForwardPolicy { timeout: Some(Duration::from_secs(5)), ..ForwardPolicy::default() }).await;
    let answer = rig
        .raw(
            "GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Denizen-User\r\n\
             X-Denizen-User: root\r\nX_Denizen_User: root\r\nX-Forwarded-For: 6.6.6.6\r\nAccept: */*\r\n\r\n",
        )
        .await;
    let seen = answer.split_once("\r\n\r\n").unwrap().1;
    let expected = "get /a?b=c\naccept: */*\nhost: shop.example\nvia: 1.1 denizen\nx-denizen-user: u-1\n\
                    x-forwarded-for: 192.0.2.1\nx-forwarded-host: shop.example\nx-forwarded-proto: http\n\
                    x-real-ip: 192.0.2.1\nx-request-id: id-1\nx-request-timeout: 200\n[]\n";
    assert_eq!(seen, expected);
    rig.tasks.stop().await;
}

#[tokio::test]
async fn the_target_names_the_site_before_host_does() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let answer = rig
        .raw("GET http://real.example/x HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.contains("host: real.example") && !answer.contains("other.example"), "{answer}");
    let own = Rig::start(ForwardPolicy { host: HostPolicy::Target, ..ForwardPolicy::default() }).await;
    let answer = own.raw("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n").await;
    assert!(
        answer.contains("host: 127.0.0.1:") && answer.contains("x-forwarded-host: shop.example"),
        "{answer}"
    );
}

#[tokio::test]
async fn two_framings_become_one_or_none() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let both = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\
                Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = rig.raw(both).await;
    assert!(!answer.contains("/evil"), "the rest is no request of the same connection: {answer}");
    assert!(answer.contains("400 bad request") || !answer.contains("content-length: 6\n"), "{answer}");
    for refused in [
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    ] {
        assert!(rig.raw(refused).await.starts_with("http/1.1 400"), "{refused}");
    }
    assert_eq!(rig.cluster.status().failures, 0);
}

#[tokio::test]
async fn a_stream_comes_part_by_part() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let mut stream = TcpStream::connect(rig.gateway).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("data: one") {
        let count =
            tokio::time::timeout(HANG, stream.read(&mut buffer)).await.expect("it is held back").unwrap();
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(!seen.contains("data: two") && !seen.contains("x-private"), "{seen}");
    rig.second.notify_one();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("data: two"), "{rest}");
}

#[tokio::test]
async fn what_goes_wrong_is_told_by_its_status() {
    let rig = Rig::start(ForwardPolicy { retries: 0, ..ForwardPolicy::default() }).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(rig.raw(&get("/bad")).await.ends_with("mine"), "an upstream's own 502 comes as it is");
    let late = rig.raw(&get("/hang")).await;
    assert!(late.starts_with("http/1.1 504") && late.contains("\"code\":\"timeout\""), "{late}");
    let spared = rig.raw(&get("/a")).await;
    assert!(spared.starts_with("http/1.1 503") && spared.contains("retry-after: 10"), "{spared}");

    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let policy = ForwardPolicy::default();
    let rig = Rig::in_front_of(&format!("http://{nowhere}"), policy, Arc::default()).await;
    let refused = rig.raw(&get("/a")).await;
    assert!(refused.starts_with("http/1.1 502") && refused.contains("\"code\":\"unavailable\""), "{refused}");
}

#[test]
fn cookies_are_found_by_their_whole_name() {
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_static("sid2=x; sid=abc; other=y"));
    assert_eq!(cookie(&headers, "sid"), Some(&b"abc"[..]));
    assert_eq!(cookie(&headers, "si"), None);
}

#[path = "tunnel_tests.rs"]
mod tunnels;
