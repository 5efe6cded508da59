//! Bodies: what is kept of them, and what never waits.

use axum::body::Body;
use bytes::Bytes;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;

use super::{Bench, Headers, answer, in_time};
use crate::proxy::cache::body::{Piece, Tee};

const FRESH: Headers<'static> = &[("cache-control", "max-age=60")];
const LIMIT: usize = 64 << 10;

type Sender = mpsc::UnboundedSender<Result<Frame<Bytes>, std::io::Error>>;

/// A body that is sent by hand.
fn by_hand() -> (Sender, Body) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    (sender, Body::new(StreamBody::new(stream)))
}

/// An origin whose next answer has this body.
fn once(bench: &Bench, headers: Headers<'static>, body: Body) {
    let body = std::sync::Mutex::new(Some(body));
    bench.script(move |number, _| {
        let body = body.lock().unwrap().take().unwrap_or_else(|| Body::from(number.to_string()));
        Box::pin(async move { Ok(answer(200, headers, body)) })
    });
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_body_reaches_its_reader_while_it_is_being_kept() {
    let bench = Bench::new("{}", &[]);
    let (sender, body) = by_hand();
    once(&bench, FRESH, body);
    let mut body = in_time(bench.begin(Method::GET, "/a", &[])).await.unwrap().into_body();
    for part in ["a", "b"] {
        sender.send(Ok(data(part))).unwrap();
        assert_eq!(in_time(body.frame()).await.unwrap().unwrap().into_data().unwrap(), part);
    }
    drop(sender);
    assert!(in_time(body.frame()).await.is_none());
    assert_eq!(bench.get("/a", &[]).await.body, "ab");
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn an_event_stream_is_never_held_back_or_kept() {
    for (asked, headers) in [
        (
            &[("accept", "text/event-stream")][..],
            &[("cache-control", "max-age=60"), ("content-type", "text/event-stream")][..],
        ),
        (&[], &[("content-type", "text/event-stream"), ("cache-control", "max-age=60")]),
    ] {
        let bench = Bench::new(r#"{"ttl": "1h"}"#, &[]);
        let (sender, body) = by_hand();
        once(&bench, headers, body);
        let mut body = in_time(bench.begin(Method::GET, "/a", asked)).await.unwrap().into_body();
        for _ in 0..3 {
            sender.send(Ok(data("data: 1\n\n"))).unwrap();
            in_time(body.frame()).await.unwrap().unwrap();
        }
        drop(body);
        bench.eventually("the origin sees that its reader is gone", |_| sender.is_closed()).await;
        assert_eq!(bench.store.status().stored, 0);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_flows_through_and_is_not_held() {
    let bench = Bench::new("{}", &[]);
    let (sender, body) = by_hand();
    once(&bench, FRESH, body);
    let mut body = in_time(bench.begin(Method::GET, "/a", &[])).await.unwrap().into_body();
    let mut read = 0;
    for _ in 0..20 {
        sender.send(Ok(Frame::data(Bytes::from(vec![7; LIMIT / 4])))).unwrap();
        read += in_time(body.frame()).await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert_eq!(read, 5 * LIMIT);
    // From the limit on the reader has the origin's own body: what they do not read is not fetched.
    drop(body);
    bench.eventually("the origin sees that its reader is gone", |_| sender.is_closed()).await;
    let status = bench.store.status();
    assert_eq!((status.stored, status.entries), (0, 0));
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_not_even_begun() {
    let bench = Bench::new("{}", &[]);
    bench.script(|_, _| {
        let length = (LIMIT + 1).to_string();
        let response =
            answer(200, &[("cache-control", "max-age=60"), ("content-length", &length)], vec![7; LIMIT + 1]);
        Box::pin(async move { Ok(response) })
    });
    let answer = bench.get("/a", &[]).await;
    assert_eq!(answer.body.len(), LIMIT + 1);
    assert!(!answer.cache_status().contains("stored"), "{}", answer.cache_status());
    assert!(!bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_kept_and_its_reader_knows() {
    let bench = Bench::new("{}", &[]);
    let (sender, body) = by_hand();
    once(&bench, FRESH, body);
    let response = in_time(bench.begin(Method::GET, "/a", &[])).await.unwrap();
    sender.send(Ok(data("half"))).unwrap();
    sender.send(Err(std::io::Error::other("gone"))).unwrap();
    assert!(in_time(response.into_body().collect()).await.is_err());
    assert_eq!(bench.get("/a", &[]).await.body, "2");
}

#[tokio::test]
async fn a_body_of_another_length_than_said_is_not_kept() {
    let bench = Bench::new("{}", &[("cache-control", "max-age=60"), ("content-length", "9")]);
    bench.get("/a", &[]).await;
    assert!(!bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn trailers_go_through_and_are_not_kept() {
    let bench = Bench::new("{}", &[]);
    let (sender, body) = by_hand();
    once(&bench, FRESH, body);
    let response = in_time(bench.begin(Method::GET, "/a", &[])).await.unwrap();
    sender.send(Ok(data("a"))).unwrap();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    sender.send(Ok(Frame::trailers(trailers))).unwrap();
    drop(sender);
    let whole = in_time(response.into_body().collect()).await.unwrap();
    assert_eq!(whole.trailers().unwrap()["x-sum"], "1");
    assert!(!bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn a_request_with_a_body_is_not_for_the_cache() {
    let bench = Bench::new("{}", FRESH);
    bench.get("/a", &[]).await;
    let request = http::Request::get("/a").body(Body::from("x")).unwrap();
    let lookup = super::Lookup { is_https: true, host: "shop.example".to_owned(), principal: None };
    let response = bench.store.serve(&bench.policy, &lookup, request, bench.fetch()).await.unwrap();
    assert_eq!(response.headers()["cache-status"], "denizen; fwd=bypass");
    assert_eq!(bench.calls(), 2);
}

#[tokio::test]
async fn what_is_not_in_the_key_does_not_reach_the_origin() {
    let bench = Bench::new(r#"{"query": ["page"]}"#, FRESH);
    let evil = [
        ("x-original-url", "/admin"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-host", "evil.example"),
    ];
    bench.get("/a?page=2&utm=evil", &evil).await;
    let seen = bench.last_seen();
    assert_eq!(seen.uri, "/a?page=2");
    assert!(evil.iter().all(|(name, _)| !seen.headers.contains_key(*name)));
    assert!(bench.is_kept("/a?utm=other&page=2", &[]).await);
    assert!(!bench.is_kept("/a?page=3", &[]).await);
    let kept = Bench::new(r#"{"vary": ["x-forwarded-prefix"]}"#, FRESH);
    kept.get("/a", &evil).await;
    assert_eq!(kept.last_seen().headers["x-forwarded-prefix"], "/evil", "it is in the key there");
}

/// The origin does not see what `Connection` names: its answer is for those who did not send it.
#[tokio::test]
async fn what_is_taken_away_on_the_way_chooses_no_variant() {
    let bench = Bench::new(r#"{"vary": ["x-tenant"]}"#, FRESH);
    bench.get("/a", &[("x-tenant", "victim"), ("connection", "close, X-Tenant")]).await;
    assert!(!bench.is_kept("/a", &[("x-tenant", "victim")]).await);
    assert!(bench.is_kept("/a", &[("x-tenant", "victim"), ("connection", "keep-alive")]).await);
}

#[tokio::test]
async fn memory_is_bounded_whatever_comes() {
    let bench = Bench::new("{}", &[]);
    bench.script(|_, _| Box::pin(async { Ok(answer(200, FRESH, vec![b'7'; 60 << 10])) }));
    for index in 0..200 {
        bench.get(&format!("/{index}"), &[]).await;
    }
    let status = bench.store.status();
    assert!(status.bytes <= status.capacity, "{status:?}");
    assert!(status.entries > 30 && status.stored == 200, "{status:?}");
    // Headers count too.
    let long = "x".repeat(8 << 10);
    bench.say(200, &[("cache-control", "max-age=60"), ("x-long", &long)]);
    for index in 0..2000 {
        bench.get(&format!("/{index}"), &[]).await;
    }
    let status = bench.store.status();
    assert!(status.bytes <= status.capacity && status.entries < 520, "{status:?}");
}

#[tokio::test]
async fn a_fetch_that_is_cut_off_does_not_look_like_an_end() {
    let (sender, mut body) = Tee::pair();
    sender.send(Piece::Frame(data("half"))).unwrap();
    drop(sender);
    assert!(in_time(body.frame()).await.unwrap().is_ok());
    assert!(in_time(body.frame()).await.unwrap().is_err());
    let (sender, body) = Tee::pair();
    sender.send(Piece::Frame(data("whole"))).unwrap();
    sender.send(Piece::End).unwrap();
    drop(sender);
    assert_eq!(in_time(body.collect()).await.unwrap().to_bytes(), "whole");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_goes_to_its_reader_and_to_nobody_else() {
    let bench = Bench::new("{}", &[]);
    let (sender, body) = by_hand();
    once(&bench, FRESH, body);
    let mut reader = bench.begin(Method::GET, "/a", &[]).await.unwrap().into_body();
    let other = bench.get("/a", &[]);
    let begin = tokio::time::Instant::now();
    assert_eq!(other.await.body, "2");
    assert_eq!(begin.elapsed().as_secs(), 5, "it waited as long as one waits");
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    sender.send(Ok(data("late"))).unwrap();
    assert_eq!(reader.frame().await.unwrap().unwrap().into_data().unwrap(), "late");
    drop(reader);
    bench.eventually("the origin sees that its reader is gone", |_| sender.is_closed()).await;
}
