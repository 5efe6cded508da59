//! What takes answers away.

use std::sync::Arc;

use denizen_cache::Cache;
use http::Method;
use tokio::sync::Semaphore;

use super::{Bench, Headers, answer, config};
use crate::proxy::cache::Purge;

const FRESH: Headers<'static> = &[("cache-control", "max-age=60")];

#[tokio::test]
async fn changes_take_away_what_they_may_have_changed() {
    for (method, status, location, gone) in [
        (Method::POST, 201, ("x", ""), vec!["/a"]),
        (Method::PUT, 204, ("x", ""), vec!["/a"]),
        (Method::PATCH, 200, ("x", ""), vec!["/a"]),
        (Method::DELETE, 302, ("x", ""), vec!["/a"]),
        (Method::POST, 201, ("location", "/b"), vec!["/a", "/b"]),
        (Method::POST, 201, ("content-location", "b?x=1"), vec!["/a", "/b"]),
        (Method::POST, 201, ("location", "https://SHOP.example:443/b"), vec!["/a", "/b"]),
        (Method::POST, 201, ("location", "https://other.example/b"), vec!["/a"]),
        (Method::POST, 201, ("location", "//other.example/b"), vec!["/a"]),
        (Method::POST, 400, ("location", "/b"), vec![]),
        (Method::POST, 500, ("location", "/b"), vec![]),
        (Method::OPTIONS, 200, ("location", "/b"), vec![]),
    ] {
        let bench = Bench::new("{}", FRESH);
        for path in ["/a", "/a?page=2", "/b", "/c"] {
            bench.get(path, &[]).await;
        }
        bench.say(status, &[location]);
        let changed = bench.send(method.clone(), "/a?x=1", &[]).await;
        assert!(changed.cache_status().contains("fwd=method"));
        bench.say(200, FRESH);
        for path in ["/a", "/a?page=2", "/b", "/c"] {
            let is_gone = gone.contains(&path.split('?').next().unwrap());
            assert_eq!(!bench.is_kept(path, &[]).await, is_gone, "{method} {status} {location:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_change_whose_client_leaves_counts_all_the_same() {
    let bench = Bench::new("{}", FRESH);
    bench.get("/a", &[]).await;
    bench.script(|_, _| Box::pin(std::future::pending()));
    let mut change = Box::pin(bench.begin(Method::POST, "/a", &[]));
    assert!(futures::poll!(&mut change).is_pending());
    drop(change);
    bench.say(200, FRESH);
    assert!(!bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn a_fetch_from_before_a_change_brings_nothing_back() {
    for purge in
        [Purge::url("/a").unwrap(), Purge::Tag("t".to_owned()), Purge::All, Purge::prefix("/").unwrap()]
    {
        let bench = Bench::new("{}", &[]);
        let gate = Arc::new(Semaphore::new(0));
        let held = gate.clone();
        bench.script(move |number, _| {
            let gate = held.clone();
            Box::pin(async move {
                if number == 1 {
                    gate.acquire().await.unwrap().forget();
                }
                let headers = [("cache-control", "max-age=60"), ("cache-tag", "t")];
                Ok(answer(200, &headers, number.to_string()))
            })
        });
        let mut old = Box::pin(bench.get("/a", &[]));
        assert!(futures::poll!(&mut old).is_pending());
        bench.eventually("the origin is asked", |bench| bench.calls() == 1).await;
        bench.store.purge(purge.clone()).await;
        let mut new = Box::pin(bench.get("/a", &[]));
        assert_eq!((&mut new).await.body, "2", "who comes after {purge:?} does not wait for the old one");
        gate.add_permits(1);
        assert_eq!(old.await.body, "1");
        assert_eq!(bench.get("/a", &[]).await.body, "2");
    }
}

#[tokio::test]
async fn purges_by_tag_address_prefix_and_route() {
    let tagged: Headers<'static> =
        &[("cache-control", "max-age=60"), ("surrogate-key", "shop item-1"), ("cache-tag", "a tag, another")];
    let bench = Bench::new("{}", &[]);
    bench.say(200, FRESH);
    bench.get("/plain", &[]).await;
    bench.say(200, tagged);
    let alice = bench.of(Some("alice"));
    let fill = async || {
        for path in ["/shop/1", "/shop/2", "/shopping"] {
            let answer = bench.get(path, &[]).await;
            assert!(
                !answer.headers.contains_key("surrogate-key") && !answer.headers.contains_key("cache-tag")
            );
        }
        alice.get("/shop/1", &[]).await;
    };
    for (purge, count) in [
        (Purge::Tag("item-1".to_owned()), 4),
        (Purge::Tag("a tag".to_owned()), 4),
        (Purge::Tag("item".to_owned()), 0),
        (Purge::url("https://shop.example/shop/1").unwrap(), 2),
        (Purge::url("/shop/2").unwrap(), 1),
        (Purge::url("https://other.example/shop/1").unwrap(), 0),
        (Purge::prefix("https://shop.example/shop/").unwrap(), 3),
        (Purge::prefix("/shop").unwrap(), 4),
        (Purge::Route("other".to_owned()), 0),
    ] {
        fill().await;
        assert_eq!(bench.store.purge(purge.clone()).await, count, "{purge:?}");
    }
    assert!(bench.is_kept("/plain", &[]).await);
    assert!(bench.store.purge(Purge::Route("route".to_owned())).await >= 1);
    assert!(!bench.is_kept("/plain", &[]).await);
    assert_eq!(bench.store.purge_tag("nothing has it").await, 0);
}

#[tokio::test]
async fn an_answer_that_could_not_be_purged_by_its_tags_is_not_kept() {
    let many = (0..65).map(|index| index.to_string()).collect::<Vec<_>>().join(" ");
    let bench = Bench::new("{}", &[("cache-control", "max-age=60"), ("surrogate-key", &many)]);
    bench.get("/a", &[]).await;
    assert!(!bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn other_nodes_hear_of_purges() {
    let cache = Cache::memory();
    let node = || Bench::with(config(), &cache, "{}").saying(200, FRESH);
    let (here, there) = (node(), node());
    let following = tokio::spawn(there.store.clone().follow());
    there.get("/a", &[]).await;
    there.get("/b", &[]).await;
    tokio::task::yield_now().await;
    here.store.purge(Purge::url("/a").unwrap()).await;
    there.eventually("it hears", |there| there.store.status().purged == 1).await;
    assert!(!there.is_kept("/a", &[]).await && there.is_kept("/b", &[]).await);
    // What another version of the program says is not understood: then nothing is kept.
    cache.ring("gateway.cache", b"{\"node\": 1}");
    there.eventually("it hears", |there| there.store.status().entries == 0).await;
    following.abort();
}
