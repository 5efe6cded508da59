//! The second level, on the server of `DENIZEN_TEST_CACHE_URL`.

use std::time::Duration;

use denizen_cache::Cache;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;

use super::{Bench, Config, Headers, config};
use crate::proxy::cache::Purge;

const OPEN: Headers<'static> = &[("cache-control", "max-age=60"), ("cache-tag", "t"), ("x-a", "1")];

/// A server that the tests may use.
fn server() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests name their server by a variable")]
    std::env::var("DENIZEN_TEST_CACHE_URL").ok()
}

async fn node(headers: Headers<'_>) -> Option<Bench> {
    node_of("", headers).await
}

/// A node on one of the server's databases.
async fn node_of(database: &str, headers: Headers<'_>) -> Option<Bench> {
    let url = Some(format!("{}{database}", server()?));
    let cache = Cache::connect(&denizen_cache::Config { url }, &Tasks::new()).await.unwrap();
    assert!(cache.healthy());
    // Marks of purges outlive a run of the tests: a run must not begin in the time of another.
    let clock = Clock::manual(Clock::System.now());
    Some(Bench::at(clock, Config { shared: true, ..config() }, &cache, "{}").saying(200, headers))
}

/// Asks, and waits until the answer is where other nodes find it.
async fn get_shared(node: &Bench, path: &str, headers: Headers<'_>) {
    let before = node.store.status().shared;
    node.get(path, headers).await;
    node.eventually("the answer is shared", |node| node.store.status().shared > before).await;
}

/// A path that no other test uses.
fn path() -> String {
    let mut bytes = [0; 8];
    denizen_kit::seal::random(&mut bytes);
    format!("/{}", hex::encode(bytes))
}

#[tokio::test]
async fn one_node_answers_with_what_another_has_fetched() {
    let (Some(here), Some(there)) = (node(OPEN).await, node(OPEN).await) else { return };
    let path = path();
    get_shared(&here, &path, &[]).await;
    there.advance(20);
    let answer = there.get(&path, &[]).await;
    assert_eq!(
        (answer.body.as_str(), answer.header("age"), answer.header("x-a"), there.calls()),
        ("1", "20", "1", 0)
    );
    assert!(answer.cache_status().contains("hit; ttl=40"), "{}", answer.cache_status());
    assert!(there.is_kept(&path, &[]).await, "it is in its own memory now");
}

#[tokio::test]
async fn what_is_for_one_person_is_not_shared() {
    let (Some(here), Some(there)) = (node(OPEN).await, node(OPEN).await) else { return };
    let (path, alice) = (path(), Some("alice"));
    here.of(alice).get(&path, &[]).await;
    assert!(!there.of(alice).is_kept(&path, &[]).await);
    assert!(!there.of(None).is_kept(&path, &[]).await);
}

#[tokio::test]
async fn variants_are_shared_each_for_itself() {
    let varies = &[("cache-control", "max-age=60"), ("vary", "accept-language")];
    let (Some(here), Some(there)) = (node(varies).await, node(varies).await) else { return };
    let path = path();
    get_shared(&here, &path, &[("accept-language", "de")]).await;
    get_shared(&here, &path, &[("accept-language", "en")]).await;
    assert_eq!(there.get(&path, &[("accept-language", "en")]).await.body, "2");
    assert_eq!(there.get(&path, &[("accept-language", "de")]).await.body, "1");
    assert_eq!(there.calls(), 0);
    assert!(!there.is_kept(&path, &[("accept-language", "fr")]).await);
}

/// Each kind of purge, on a database of its own: one by prefix makes all that is shared void.
#[tokio::test]
async fn a_purge_reaches_what_is_shared_and_what_was_under_way() {
    for kind in ["tag", "url", "prefix"] {
        let database = if kind == "prefix" { "/9" } else { "" };
        let Some(here) = node_of(database, OPEN).await else { return };
        let (there, third) = (node_of(database, OPEN).await.unwrap(), node_of(database, OPEN).await.unwrap());
        let path = path();
        here.say(200, &[("cache-control", "max-age=60"), ("cache-tag", &path)]);
        here.advance(10);
        get_shared(&here, &path, &[]).await;
        assert!(node_of(database, OPEN).await.unwrap().is_kept(&path, &[]).await, "{kind}: it is shared");

        let address = format!("https://shop.example{path}");
        let purge = match kind {
            "tag" => Purge::Tag(path.clone()),
            "url" => Purge::url(&address).unwrap(),
            _ => Purge::prefix(&address).unwrap(),
        };
        here.store.purge(purge).await;
        there.say(200, &[("cache-control", "max-age=60"), ("cache-tag", &path)]);
        assert!(!there.is_kept(&path, &[]).await, "{kind}");
        // What `there` asked for, by its clock before the purge, comes to the server after it and is refused.
        assert!(!third.is_kept(&path, &[]).await, "{kind}");
    }
}

#[tokio::test]
async fn after_a_purge_new_answers_are_shared_again() {
    let (Some(here), Some(there)) = (node(OPEN).await, node(OPEN).await) else { return };
    let path = path();
    here.store.purge(Purge::url(&format!("https://shop.example{path}")).unwrap()).await;
    here.advance(3);
    there.advance(3);
    get_shared(&here, &path, &[]).await;
    assert!(there.is_kept(&path, &[]).await);
}

#[tokio::test]
async fn large_answers_stay_where_they_are() {
    let (Some(here), Some(there)) = (node(OPEN).await, node(OPEN).await) else { return };
    let path = path();
    let long = "x".repeat(130 << 10);
    here.say(200, &[("cache-control", "max-age=60"), ("x-long", &long)]);
    here.get(&path, &[]).await;
    assert!(here.is_kept(&path, &[]).await);
    assert!(!there.is_kept(&path, &[]).await);
}

#[tokio::test]
async fn memory_alone_has_no_second_level() {
    let bench = Bench::with(
        Config { shared: true, patience: Duration::from_secs(1), ..config() },
        &Cache::memory(),
        "{}",
    );
    assert!(!bench.store.status().is_shared);
}
