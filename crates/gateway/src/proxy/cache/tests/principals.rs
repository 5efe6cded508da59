//! An answer that was made for one is never given to another.

use std::collections::HashMap;

use super::{Bench, Headers, answer};

const MINE: Headers<'static> = &[("cache-control", "private, max-age=60"), ("etag", "\"1\"")];

#[tokio::test]
async fn an_authorised_answer_is_for_its_principal_only() {
    for control in ["private, max-age=60", "max-age=60", "public, max-age=60", "s-maxage=60"] {
        let alice = Bench::new("{}", &[("cache-control", control)]).of(Some("alice"));
        assert_eq!(alice.get("/me", &[]).await.body, "1");
        assert_eq!(alice.get("/me", &[]).await.body, "1", "{control}");
        assert_eq!(alice.of(Some("bob")).get("/me", &[]).await.body, "2", "{control}");
        assert_eq!(alice.of(Some("alic")).get("/me", &[]).await.body, "3", "{control}");
        assert_eq!(alice.of(None).get("/me", &[]).await.body, "4", "{control}");
        assert_eq!(alice.get("/me", &[]).await.body, "1", "{control}");
    }
}

#[tokio::test]
async fn a_time_of_the_route_holds_for_a_person_but_not_for_what_is_private() {
    for (control, is_kept) in [("max-age=0", true), ("private", false), ("private, no-cache", false)] {
        let alice = Bench::new(r#"{"ttl": "1h"}"#, &[("cache-control", control)]).of(Some("alice"));
        alice.get("/me", &[]).await;
        assert_eq!(alice.is_kept("/me", &[]).await, is_kept, "{control}");
    }
}

#[tokio::test]
async fn a_public_answer_was_not_made_for_a_principal() {
    let nobody = Bench::new("{}", &[("cache-control", "max-age=60")]);
    assert_eq!(nobody.get("/a", &[]).await.body, "1");
    assert_eq!(nobody.of(Some("alice")).get("/a", &[]).await.body, "2");
}

#[tokio::test]
async fn stale_and_confirmed_answers_stay_with_their_principal() {
    let alice =
        Bench::new(r#"{"stale_if_error": "1h", "stale_while_revalidate": "1h"}"#, MINE).of(Some("alice"));
    let bob = alice.of(Some("bob"));
    alice.get("/me", &[]).await;
    alice.advance(61);
    alice.say(503, &[]);
    assert_eq!(bob.get("/me", &[]).await.status, 503);
    bob.say(304, &[("etag", "\"1\"")]);
    let answer = bob.get("/me", &[]).await;
    assert!(!bob.last_seen().headers.contains_key("if-none-match"), "bob has nothing to ask by");
    assert_ne!(answer.body, "1");
}

#[tokio::test]
async fn many_at_once_each_get_their_own() {
    let bench = Bench::new("{}", &[]);
    bench.script(|_, parts| {
        let name = parts.headers["x-denizen-user"].to_str().unwrap().to_owned();
        Box::pin(async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            Ok(answer(200, MINE, name))
        })
    });
    let names: Vec<String> = (0..50).map(|index| format!("person-{index}")).collect();
    let asks = names.iter().cycle().take(1000).map(|name| {
        let bench = bench.of(Some(name));
        async move {
            let answer = bench.get("/me", &[("x-denizen-user", name)]).await;
            assert_eq!(&answer.body, name);
        }
    });
    futures::future::join_all(asks).await;
    assert_eq!(bench.calls(), names.len(), "one fetch a person");
}

/// Random requests of some people to some paths, against a model of who may see what.
#[tokio::test]
async fn whatever_is_asked_nobody_sees_what_was_made_for_another() {
    let bench = Bench::new(r#"{"stale_if_error": "1m", "stale_while_revalidate": "30s"}"#, &[]);
    bench.script(|number, parts| {
        let who = parts.headers.get("x-denizen-user").map_or("", |name| name.to_str().unwrap()).to_owned();
        let control = ["private, max-age=20", "max-age=20", "public, max-age=20", "no-store"][number % 4];
        let status = if number % 11 == 0 { 503 } else { 200 };
        let body = format!("{who}|{}", parts.uri.path());
        Box::pin(async move { Ok(answer(status, &[("cache-control", control), ("etag", "\"1\"")], body)) })
    });
    let principals = [None, Some("a"), Some("b"), Some("ab"), Some("")];
    let (mut random, mut seen) = (7_u64, HashMap::new());
    for _ in 0..4000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |from: u64, most: usize| usize::try_from((random >> from) % most as u64).unwrap();
        let (principal, path) = (principals[pick(33, 5)], ["/me", "/m", "/me/e"][pick(40, 3)]);
        let who = principal.unwrap_or_default();
        let asker = bench.of(principal);
        let headers = [("x-denizen-user", who)];
        let answer = asker.get(path, if principal.is_some() { &headers } else { &[] }).await;
        if answer.status == 200 {
            assert_eq!(answer.body, format!("{who}|{path}"));
            *seen.entry((principal, path)).or_insert(0) += 1;
        }
        bench.advance(u64::try_from(pick(50, 8)).unwrap());
    }
    let status = bench.store.status();
    assert_eq!(seen.len(), 15);
    assert!(status.hits > 100 && status.stale > 20, "the cache was in use: {status:?}");
}
