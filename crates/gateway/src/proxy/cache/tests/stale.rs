//! Validation, and stale answers: while a new one is fetched, and when the upstream fails.

use denizen_kit::problem::Problem;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};

use super::Bench;

const SHORT: (&str, &str) = ("cache-control", "max-age=10");
const TAG: (&str, &str) = ("etag", "\"v1\"");

#[tokio::test]
async fn not_modified_makes_it_fresh_again_and_brings_new_headers() {
    let modified = ("last-modified", "Wed, 31 Dec 2025 00:00:00 GMT");
    let bench = Bench::new(
        "{}",
        &[SHORT, TAG, modified, ("x-a", "old"), ("x-b", "old"), ("content-type", "text/plain")],
    );
    bench.get("/a", &[]).await;
    bench.advance(10);
    bench.say(
        304,
        &[
            ("cache-control", "max-age=60"),
            TAG,
            ("x-a", "new"),
            ("content-type", "text/plain"),
            ("content-length", "99"),
        ],
    );
    let answer = bench.get("/a", &[]).await;
    let seen = bench.last_seen().headers;
    assert_eq!(
        (&seen[IF_NONE_MATCH], &seen[IF_MODIFIED_SINCE]),
        (&"\"v1\"".parse().unwrap(), &modified.1.parse().unwrap())
    );
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str(), answer.header("content-length")),
        (200, "1", "1")
    );
    assert_eq!((answer.header("x-a"), answer.header("x-b"), answer.header("age")), ("new", "old", "0"));
    assert!(
        answer.cache_status().contains("denizen; fwd=stale; fwd-status=304"),
        "{}",
        answer.cache_status()
    );
    bench.advance(59);
    assert!(bench.is_kept("/a", &[]).await, "the new time counts");
    assert_eq!(bench.store.status().revalidated, 1);
}

#[tokio::test]
async fn a_new_answer_takes_the_place_of_the_old_one() {
    let bench = Bench::new("{}", &[SHORT, TAG]);
    bench.get("/a", &[]).await;
    bench.advance(10);
    bench.say(200, &[SHORT, ("etag", "\"v2\"")]);
    let answer = bench.get("/a", &[]).await;
    assert_eq!(answer.body, "2");
    assert!(answer.cache_status().contains("fwd=stale; fwd-status=200; stored"));
    assert_eq!(bench.get("/a", &[]).await.body, "2");
    assert_eq!(bench.get("/a", &[("if-none-match", "\"v2\"")]).await.status, 304);
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_asked_again() {
    let bench = Bench::new("{}", &[SHORT, TAG]);
    bench.get("/a", &[]).await;
    bench.advance(10);
    bench.script(|number, parts| {
        let asks = parts.headers.contains_key(IF_NONE_MATCH);
        let other = if asks { 304 } else { 200 };
        let response = super::answer(
            other,
            &[SHORT, ("etag", "\"v9\"")],
            if asks { String::new() } else { number.to_string() },
        );
        Box::pin(async move { Ok(response) })
    });
    assert_eq!(bench.get("/a", &[]).await.body, "3");
}

#[tokio::test]
async fn conditions_of_clients_are_answered_here_and_the_whole_is_fetched() {
    let bench = Bench::new("{}", &[("cache-control", "max-age=60"), TAG, ("content-type", "text/plain")]);
    let has = [("if-none-match", "W/\"v1\"")];
    let first = bench.get("/a", &has).await;
    assert!(!bench.last_seen().headers.contains_key(IF_NONE_MATCH));
    assert_eq!((first.status.as_u16(), first.body.as_str(), first.header("etag")), (304, "", "\"v1\""));
    let second = bench.get("/a", &has).await;
    assert_eq!((second.status.as_u16(), bench.calls()), (304, 1));
    assert!(!second.headers.contains_key("content-type") && second.headers.contains_key("age"));
    assert_eq!(bench.get("/a", &[("if-none-match", "\"v0\"")]).await.body, "1");
    assert_eq!(bench.get("/a", &[]).await.body, "1");
}

#[tokio::test]
async fn where_nothing_is_kept_the_upstream_sees_the_clients_conditions() {
    let bench = Bench::new("{}", &[("cache-control", "no-store"), TAG]);
    bench.get("/a", &[]).await;
    bench.say(304, &[TAG]);
    let answer = bench.get("/a", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!(bench.last_seen().headers[IF_NONE_MATCH], "\"v1\"");
    assert_eq!(answer.status, 304);
}

#[tokio::test]
async fn a_stale_answer_is_sent_while_one_fetches_a_new_one() {
    for (policy, control) in [
        ("{}", "max-age=10, stale-while-revalidate=20"),
        (r#"{"stale_while_revalidate": "20s"}"#, "max-age=10"),
        (r#"{"stale_while_revalidate": "1h"}"#, "max-age=10, stale-while-revalidate=20"),
    ] {
        let bench = Bench::new(policy, &[("cache-control", control), TAG]);
        bench.get("/a", &[]).await;
        bench.advance(29);
        let stale = bench.get("/a", &[]).await;
        assert_eq!((stale.body.as_str(), stale.header("age")), ("1", "29"));
        assert!(stale.cache_status().contains("hit; ttl=-19"), "{}", stale.cache_status());
        bench.eventually("a new one is fetched", |bench| bench.store.status().stored == 2).await;
        assert_eq!((bench.get("/a", &[]).await.body.as_str(), bench.calls()), ("2", 2));
        bench.advance(30);
        assert_eq!(bench.get("/a", &[]).await.body, "3", "too stale: {policy} {control}");
    }
}

#[tokio::test]
async fn a_stale_answer_stands_in_for_an_error_for_a_while() {
    for (policy, control) in
        [("{}", "max-age=10, stale-if-error=20"), (r#"{"stale_if_error": "20s"}"#, "max-age=10")]
    {
        let bench = Bench::new(policy, &[("cache-control", control)]);
        bench.get("/a", &[]).await;
        bench.advance(29);
        for status in [500, 502, 503, 504] {
            bench.say(status, &[]);
            let answer = bench.get("/a", &[]).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "1"), "{status}");
        }
        bench.script(|_, _| Box::pin(async { Err(Problem::unavailable("no upstream").into()) }));
        assert_eq!(bench.get("/a", &[]).await.body, "1");
        bench.say(404, &[]);
        assert_eq!(bench.get("/a", &[]).await.status, 404, "that is no error of the upstream");
    }
    let bench = Bench::new("{}", &[("cache-control", "max-age=10, stale-if-error=20")]);
    bench.get("/a", &[]).await;
    bench.advance(30);
    bench.say(503, &[]);
    assert_eq!(bench.get("/a", &[]).await.status, 503, "too stale");
}

#[tokio::test]
async fn what_must_be_validated_is_never_sent_stale() {
    let policy = r#"{"stale_if_error": "1h", "stale_while_revalidate": "1h"}"#;
    for control in ["max-age=10, must-revalidate", "max-age=10, proxy-revalidate", "no-cache"] {
        let bench = Bench::new(policy, &[("cache-control", control), TAG]);
        bench.get("/a", &[]).await;
        bench.advance(11);
        bench.say(503, &[]);
        assert_eq!(bench.get("/a", &[]).await.status, 503, "{control}");
    }
}

#[tokio::test]
async fn without_a_word_nothing_stale_is_sent() {
    let bench = Bench::new("{}", &[SHORT, TAG]);
    bench.get("/a", &[]).await;
    bench.advance(10);
    bench.say(503, &[]);
    assert_eq!(bench.get("/a", &[]).await.status, 503);
    bench.script(|_, _| Box::pin(async { Err(Problem::unavailable("no upstream").into()) }));
    assert_eq!(bench.get("/a", &[]).await.status, 503);
}
