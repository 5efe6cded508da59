//! Registries by protocol: what is asked of them, and what their answers make of the targets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Notify;

use super::*;

/// A registry whose answers are a list, each given when it is asked for the next time; then it holds requests back.
#[derive(Default)]
struct Registry {
    answers: Mutex<VecDeque<(u16, Option<u64>, String)>>,
    asked: Mutex<Vec<(String, HeaderMap)>>,
    more: Notify,
}

impl Registry {
    async fn start() -> (SocketAddr, Arc<Self>) {
        let registry = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = registry.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let registry = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let registry = registry.clone();
                        async move { Ok::<_, Infallible>(registry.answer(request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        (address, registry)
    }

    async fn answer(&self, request: http::Request<Incoming>) -> http::Response<Full<Bytes>> {
        self.asked.lock().unwrap().push((request.uri().to_string(), request.headers().clone()));
        loop {
            let next = self.answers.lock().unwrap().pop_front();
            if let Some((status, index, body)) = next {
                let mut response = http::Response::new(Full::new(Bytes::from(body)));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                if let Some(index) = index {
                    response.headers_mut().insert("x-consul-index", index.into());
                }
                return response;
            }
            self.more.notified().await;
        }
    }

    fn tell(&self, status: u16, index: Option<u64>, body: String) {
        self.answers.lock().unwrap().push_back((status, index, body));
        self.more.notify_one();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn request(&self, number: usize) -> (String, HeaderMap) {
        self.asked.lock().unwrap()[number].clone()
    }
}

fn discovered(place: &str) -> Cluster {
    let discover = Some(place.parse().unwrap());
    cluster(ClusterSpec { discover, ..ClusterSpec::new("test") })
}

fn urls(cluster: &Cluster) -> Vec<String> {
    cluster.status().targets.into_iter().map(|target| format!("{} x{}", target.url, target.weight)).collect()
}

/// As `/v1/health/service/:service` answers (Consul's API documentation, shortened).
fn consul(instances: &[(&str, &str, u16, u32)]) -> String {
    let entries = instances.iter().map(|(node, service, port, weight)| {
        format!(
            r#"{{"Node": {{"ID": "40e4", "Node": "foobar", "Address": "{node}", "Datacenter": "dc1"}},
                "Service": {{"ID": "shop", "Service": "shop", "Tags": ["v1"], "Address": "{service}", "Port": {port},
                    "Weights": {{"Passing": {weight}, "Warning": 1}}}},
                "Checks": [{{"CheckID": "service:shop", "Status": "passing"}}]}}"#
        )
    });
    format!("[{}]", entries.collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn consul_is_asked_by_blocking_queries() {
    let backend = Backend::start("one");
    let port = backend.address.port();
    let (address, registry) = Registry::start().await;
    registry.tell(200, Some(7), consul(&[("127.0.0.1", "", port, 3)]));
    let cluster = discovered(&format!("consul:http://{address}/shop?dc=eu&tag=v1&token=s3cret"));
    until("the target is there", || urls(&cluster) == [format!("http://127.0.0.1:{port} x3")]).await;
    assert_eq!(ask_for(&cluster, "/name").await, (200, "one".to_owned()));
    let (uri, headers) = registry.request(0);
    assert_eq!(uri, "/v1/health/service/shop?passing=true&dc=eu&tag=v1");
    assert_eq!(headers["x-consul-token"], "s3cret");

    until("the next query waits", || registry.asked() == 2).await;
    assert_eq!(registry.request(1).0, "/v1/health/service/shop?passing=true&dc=eu&tag=v1&index=7&wait=55s");
    registry.tell(200, Some(9), consul(&[("127.0.0.1", "", port, 3), ("10.0.0.1", "10.0.0.2", 80, 1)]));
    until("another has come", || urls(&cluster).len() == 2).await;
    assert_eq!(urls(&cluster)[1], "http://10.0.0.2:80 x1", "the service's own address counts");
    assert_eq!(cluster.status().targets[0].requests, 1, "the one that stays keeps its figures");
    assert_eq!(cluster.status().targets[0].idle_connections, 1, "and its connections");

    until("it waits again", || registry.asked() == 3).await;
    assert!(registry.request(2).0.contains("index=9"));
    registry.tell(200, Some(3), consul(&[("127.0.0.1", "", port, 3)]));
    until("the index went back", || registry.asked() == 4).await;
    assert!(!registry.request(3).0.contains("index"), "so it starts over: {}", registry.request(3).0);
    until("one has gone", || urls(&cluster).len() == 1).await;
}

#[tokio::test]
async fn what_fails_or_is_empty_takes_nothing_away() {
    let (address, registry) = Registry::start().await;
    registry.tell(200, Some(7), consul(&[("127.0.0.1", "", 9, 1)]));
    let cluster = discovered(&format!("consul:http://{address}/shop"));
    until("the target is there", || urls(&cluster).len() == 1).await;
    registry.tell(200, Some(8), "[]".to_owned());
    until("it is empty", || cluster.status().discover_error.is_some()).await;
    registry.tell(500, None, String::new());
    until("it failed", || registry.asked() >= 4).await;
    assert_eq!(urls(&cluster), ["http://127.0.0.1:9 x1"]);
    registry.tell(200, Some(1), consul(&[("127.0.0.1", "", 10, 1)]));
    until("it is back", || urls(&cluster) == ["http://127.0.0.1:10 x1"]).await;
    assert_eq!(cluster.status().discover_error, None);
}

#[tokio::test]
async fn eureka_names_the_instances_that_are_up() {
    let (address, registry) = Registry::start().await;
    let instance = |host: &str, port: u16, status: &str| {
        format!(
            r#"{{"instanceId": "{host}:shop:{port}", "hostName": "{host}", "app": "SHOP", "ipAddr": "{host}",
                "status": "{status}", "overriddenStatus": "UNKNOWN",
                "port": {{"$": {port}, "@enabled": "true"}}, "securePort": {{"$": 443, "@enabled": "false"}},
                "metadata": {{"weight": "2"}}, "vipAddress": "shop"}}"#
        )
    };
    let instances =
        [instance("10.0.0.1", 80, "UP"), instance("10.0.0.2", 81, "DOWN"), instance("10.0.0.3", 82, "UP")];
    let body = format!(r#"{{"application": {{"name": "SHOP", "instance": [{}]}}}}"#, instances.join(","));
    registry.tell(200, None, body);
    let cluster = discovered(&format!("eureka:http://{address}/eureka/SHOP"));
    until("they are there", || urls(&cluster) == ["http://10.0.0.1:80 x2", "http://10.0.0.3:82 x2"]).await;
    let (uri, headers) = registry.request(0);
    assert_eq!(
        (uri.as_str(), &headers["accept"]),
        ("/eureka/apps/SHOP", &"application/json".parse().unwrap())
    );
}

/// A name server (RFC 1035) that has one name with one address, and one service (RFC 2782) that names it.
async fn name_server(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (count, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let query = &buffer[..count];
            let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap();
            let question = &query[12..name_end + 5];
            let kind = u16::from_be_bytes([question[question.len() - 4], question[question.len() - 3]]);
            let data: Option<Vec<u8>> = match kind {
                1 => Some(vec![127, 0, 0, 1]),
                33 => {
                    let [high, low] = port.to_be_bytes();
                    Some([&[0, 0, 0, 5, high, low][..], &b"\x04shop\x04test\x00"[..]].concat())
                }
                _ => None,
            };
            let count = u8::from(data.is_some());
            let mut reply = [&query[..2], &[0x84, 0, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
            if let Some(data) = data {
                let length = u16::try_from(data.len()).unwrap().to_be_bytes();
                reply.extend([0xc0, 12, 0, u8::try_from(kind).unwrap(), 0, 1, 0, 0, 0, 1]);
                reply.extend(length);
                reply.extend(data);
            }
            socket.send_to(&reply, peer).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn names_and_services_are_looked_up_in_dns() {
    let backend = Backend::start("one");
    let port = backend.address.port();
    let server = name_server(port).await;
    for (place, weight) in
        [(format!("dns+http://shop.test:{port}"), 1), ("dns+srv:_http._tcp.shop.test".to_owned(), 5)]
    {
        let cluster = discovered(&format!("{place}?server={server}"));
        until("the target is there", || urls(&cluster) == [format!("http://127.0.0.1:{port} x{weight}")])
            .await;
        assert_eq!(ask_for(&cluster, "/name").await, (200, "one".to_owned()));
    }
}

#[tokio::test]
async fn before_anything_is_known_there_is_no_target() {
    let (address, _registry) = Registry::start().await;
    let cluster = discovered(&format!("consul:http://{address}/shop"));
    assert!(matches!(send(&cluster, get("/name"), &Ask::default()).await, Err(SendError::NoTarget)));
}
