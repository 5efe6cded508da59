//! What answers say, HEAD, variants, and clients who want only what is kept.

use super::Bench;
use super::cases::HOUR;

#[tokio::test]
async fn several_variants_are_kept_beside_each_other() {
    let bench = Bench::new("{}", &[HOUR, ("vary", "accept-language")]);
    let languages = ["de", "en", "fr"].map(|language| [("accept-language", language)]);
    for (index, language) in languages.iter().enumerate() {
        assert_eq!(bench.get("/a", language).await.body, (index + 1).to_string());
    }
    for (index, language) in languages.iter().enumerate() {
        assert_eq!(bench.get("/a", language).await.body, (index + 1).to_string(), "{language:?}");
    }
    // An answer that names another header tells them apart by both from then on.
    bench.say(200, &[HOUR, ("vary", "x-tier")]);
    assert_eq!(bench.get("/a", &[("accept-language", "it"), ("x-tier", "1")]).await.body, "4");
    assert!(!bench.is_kept("/a", &[("accept-language", "it"), ("x-tier", "2")]).await);
    assert!(bench.is_kept("/a", &[("accept-language", "it"), ("x-tier", "1")]).await);
}

#[tokio::test]
async fn answers_say_how_old_they_are_and_where_they_are_from() {
    let bench = Bench::new(
        "{}",
        &[HOUR, ("age", "100"), ("cache-status", "inner; hit"), ("connection", "x-hop"), ("x-hop", "1")],
    );
    let first = bench.get("/a", &[]).await;
    assert_eq!((first.body.as_str(), first.header("age")), ("1", "100"));
    let statuses: Vec<_> = first.headers.get_all("cache-status").iter().collect();
    assert_eq!(statuses, ["inner; hit", "denizen; fwd=uri-miss; fwd-status=200; stored"]);
    bench.advance(20);
    let second = bench.get("/a", &[]).await;
    assert_eq!((second.body.as_str(), second.header("age")), ("1", "120"));
    assert_eq!(second.headers.get_all("cache-status").iter().next_back().unwrap(), "denizen; hit; ttl=3480");
    assert_eq!(second.header("date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    assert!(!second.headers.contains_key("x-hop") && !second.headers.contains_key("connection"));
    let status = bench.store.status();
    assert_eq!((status.hits, status.misses, status.stored, status.entries), (1, 1, 1, 1));
    assert!(status.bytes > 0 && status.bytes < 4096, "{status:?}");
}

#[tokio::test]
async fn head_is_served_from_get_and_keeps_nothing_itself() {
    let bench = Bench::new("{}", &[HOUR]);
    bench.send(http::Method::HEAD, "/a", &[]).await;
    assert_eq!(bench.last_seen().method, "HEAD");
    assert!(!bench.is_kept("/a", &[]).await);
    let calls = bench.calls();
    let head = bench.send(http::Method::HEAD, "/a", &[]).await;
    assert_eq!((bench.calls(), head.body.as_str(), head.header("content-length")), (calls, "", "1"));
}

#[tokio::test]
async fn what_is_not_kept_is_not_found_when_only_that_will_do() {
    let bench = Bench::new("{}", &[HOUR]);
    let only = [("cache-control", "only-if-cached")];
    let refused = bench.get("/a", &only).await;
    assert_eq!((refused.status.as_u16(), bench.calls()), (504, 0));
    assert!(refused.body.contains("only-if-cached"));
    bench.get("/a", &[]).await;
    assert_eq!(bench.get("/a", &only).await.body, "1");
}
