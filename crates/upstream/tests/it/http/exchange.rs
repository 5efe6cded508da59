//! One request and its answer: connections used again, both versions of HTTP, streams, trailers, upgrades.

use bytes::Bytes;
use denizen_upstream::http::{Hold, Protocol};
use futures::StreamExt as _;
use http::{HeaderValue, Method};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

fn speaking(protocol: Protocol, backends: &[&Backend]) -> Cluster {
    cluster(ClusterSpec { protocol, ..spec(backends) })
}

/// A body in parts of unknown number.
fn parts(parts: Vec<Bytes>) -> Body {
    let frames =
        futures::stream::iter(parts).map(|part| Ok::<_, std::convert::Infallible>(Frame::data(part)));
    Body::new(StreamBody::new(frames))
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another() {
    for protocol in BOTH {
        let backend = Backend::start("one");
        let cluster = speaking(protocol, &[&backend]);
        for _ in 0..20 {
            assert_eq!(ask_for(&cluster, "/name").await, (200, "one".to_owned()));
            assert_eq!(ask_for(&cluster, "/stream").await.1.len(), 200 * 16 * 1024);
        }
        assert_eq!(backend.connections(), 1, "{protocol:?}");
        let status = cluster.status();
        assert_eq!(status.targets[0].in_flight, 0);
        assert_eq!(status.targets[0].requests, 40);
    }
}

#[tokio::test]
async fn bodies_come_back_as_they_went() {
    for protocol in BOTH {
        let backend = Backend::start("one");
        let cluster = speaking(protocol, &[&backend]);
        let part = Bytes::from(vec![b'y'; 10_000]);
        for body in [parts(vec![part.clone(); 50]), Body::from(Bytes::from(vec![b'y'; 500_000]))] {
            let request = Request::post("/echo").body(body).unwrap();
            let (status, echoed) = read(send(&cluster, request, &Ask::default()).await.unwrap()).await;
            assert_eq!((status, echoed.len()), (200, 500_000), "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_may_begin_before_its_request_has_ended() {
    for protocol in BOTH {
        let backend = Backend::start("one");
        let cluster = speaking(protocol, &[&backend]);
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let frames = futures::stream::unfold(receiver, |mut receiver| async move {
            let part = receiver.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(Frame::data(part)), receiver))
        });
        let request = Request::post("/echo").body(Body::new(StreamBody::new(frames))).unwrap();
        sender.send(Bytes::from_static(b"first")).await.unwrap();
        let mut echo = send(&cluster, request, &Ask::default()).await.unwrap().into_body();
        assert_eq!(echo.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
        // Nobody reads the answer while this goes up: more than all buffers on the way hold would stop here.
        for _ in 0..20 {
            sender.send(Bytes::from_static(b"more")).await.unwrap();
        }
        drop(sender);
        assert_eq!(echo.collect().await.unwrap().to_bytes().len(), 80, "{protocol:?}");
    }
}

#[tokio::test]
async fn trailers_come_through() {
    for protocol in BOTH {
        let backend = Backend::start("one");
        let cluster = speaking(protocol, &[&backend]);
        let mut request = get("/trailers");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let response = send(&cluster, request, &Ask::default()).await.unwrap();
        let whole = response.into_body().collect().await.unwrap();
        // hyper's server writes trailers in HTTP/1 only where the answer announces them.
        let status = whole.trailers().map(|trailers| trailers["grpc-status"].clone());
        assert_eq!(status.is_some(), protocol == Protocol::Http2);
        assert_eq!(whole.to_bytes(), "message");
    }
}

#[tokio::test]
async fn the_host_is_the_requests_or_the_targets() {
    for protocol in BOTH {
        let backend = Backend::start("one");
        let cluster = speaking(protocol, &[&backend]);
        let (_, seen) = ask_for(&cluster, "/seen?a=b").await;
        assert!(seen.contains(&backend.address.to_string()) && seen.contains("/seen?a=b"), "{seen}");
        let mut request = get("/seen");
        request.headers_mut().insert("host", HeaderValue::from_static("shop.example"));
        let (_, seen) = read(send(&cluster, request, &Ask::default()).await.unwrap()).await;
        assert!(seen.contains("shop.example") && !seen.contains(&backend.address.to_string()), "{seen}");
    }
}

#[tokio::test]
async fn a_request_counts_until_its_answer_has_ended() {
    let backend = Backend::start("one");
    let cluster = cluster(spec(&[&backend]));
    let held = send(&cluster, get("/held"), &Ask::default()).await.unwrap();
    assert_eq!(cluster.status().targets[0].in_flight, 1);
    backend.state.release.notify_one();
    assert_eq!(read(held).await, (200, "released".to_owned()));
    assert_eq!(cluster.status().targets[0].in_flight, 0);
    let dropped = send(&cluster, get("/held"), &Ask::default()).await.unwrap();
    drop(dropped);
    assert_eq!(cluster.status().targets[0].in_flight, 0);
}

#[tokio::test]
async fn streams_beyond_a_connections_limit_go_over_another() {
    let backend = Backend::start("one");
    let cluster = speaking(Protocol::Http2, &[&backend]);
    ask_for(&cluster, "/name").await;
    let mut held = Vec::new();
    for _ in 0..25 {
        held.push(send(&cluster, get("/held"), &Ask::default()).await.unwrap());
    }
    assert_eq!(backend.connections(), 3, "ten streams each");
    assert_eq!(cluster.status().targets[0].http2_connections, 3);
}

#[tokio::test]
async fn a_connection_can_leave_http() {
    let backend = Backend::start("one");
    let cluster = cluster(spec(&[&backend]));
    let mut request = get("/upgrade");
    request.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
    request.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
    let ask = Ask { upgrade: true, ..Ask::default() };
    let mut response = send(&cluster, request, &ask).await.unwrap();
    assert_eq!(response.status(), 101);
    let hold = response.extensions_mut().remove::<Hold>().unwrap();
    let mut io = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    io.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    io.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
    assert_eq!(cluster.status().targets[0].in_flight, 1, "it counts as long as it is held");
    drop(hold);
    assert_eq!(cluster.status().targets[0].in_flight, 0);
}

#[tokio::test]
async fn an_answer_that_closes_its_connection_is_whole() {
    let backend = Backend::start("one");
    let cluster = cluster(spec(&[&backend]));
    for _ in 0..3 {
        assert_eq!(ask_for(&cluster, "/close").await, (200, "one".to_owned()));
    }
    assert_eq!(backend.connections(), 3);
    let head = Request::builder().method(Method::HEAD).uri("/name").body(Body::empty()).unwrap();
    assert_eq!(read(send(&cluster, head, &Ask::default()).await.unwrap()).await, (200, String::new()));
}
