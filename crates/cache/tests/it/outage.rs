//! What the cache promises while its server is away.

use std::time::{Duration, Instant};

use denizen_cache::{Cache, Config, Quota};
use denizen_kit::task::Tasks;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::proxy::{Mode, Proxy};
use crate::{HANG, connect, eventually, key, server};

const HOUR: Duration = Duration::from_secs(3600);

/// Uses everything that is there, once.
async fn use_all(cache: &Cache) {
    let key = key();
    let quota: Quota = "2/1h".parse().unwrap();
    cache.set(&key, b"1", HOUR).await;
    assert_eq!(cache.get(&key).await, Some(b"1".to_vec()));
    assert_eq!(cache.take(&key).await, Some(b"1".to_vec()));
    cache.delete(&key).await;
    assert_eq!(cache.get(&key).await, None);
    assert_eq!(cache.count(&key, HOUR).await, 1);
    assert_eq!(cache.count(&key, HOUR).await, 2);
    let passed =
        [cache.limit(&key, &quota).await, cache.limit(&key, &quota).await, cache.limit(&key, &quota).await];
    assert_eq!(passed.map(|verdict| verdict.allowed), [true, true, false]);
    let mut listener = cache.listen(&key);
    cache.ring(&key, b"1");
    assert_eq!(timeout(HANG, listener.recv()).await.unwrap().unwrap(), b"1");
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let start = Instant::now();
    let cache = connect(&format!("redis://{}", listener.local_addr().unwrap())).await;
    assert!(!cache.healthy());
    assert_eq!(cache.kind(), "valkey");
    for _ in 0..100 {
        use_all(&cache).await;
    }
    assert!(start.elapsed() < Duration::from_secs(5), "1,100 uses took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_refuses_is_no_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    drop(listener);
    let cache = connect(&url).await;
    assert!(!cache.healthy());
    use_all(&cache).await;
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_an_error() {
    let config = Config { url: Some("redis://:secret@host:port".to_owned()) };
    let error = Cache::connect(&config, &Tasks::new()).await.unwrap_err().to_string();
    assert!(error.contains("cache_url") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_server_that_comes_later_is_used() {
    let Some(url) = server() else { return };
    let proxy = Proxy::before(&url, Mode::Closed).await;
    let cache = connect(&proxy.url).await;
    assert!(!cache.healthy());
    use_all(&cache).await;
    proxy.turn(Mode::Open);
    eventually("it is used", async || cache.healthy()).await;
    use_all(&cache).await;
    let shared = key();
    cache.set(&shared, b"1", HOUR).await;
    assert_eq!(connect(&url).await.get(&shared).await, Some(b"1".to_vec()));
}

/// Takes the server away in a way and looks at what stays.
async fn lose_and_heal(mode: Mode) {
    let Some(url) = server() else { return };
    let proxy = Proxy::before(&url, Mode::Open).await;
    let (cache, other) = (connect(&proxy.url).await, connect(&url).await);
    assert!(cache.healthy());
    let (deleted, replaced, taken, untouched) = (key(), key(), key(), key());
    for key in [&deleted, &replaced, &taken, &untouched] {
        cache.set(key, b"before", HOUR).await;
    }

    proxy.turn(mode);
    let start = Instant::now();
    for _ in 0..50 {
        use_all(&cache).await;
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{mode:?}: 550 uses took {:?}", start.elapsed());
    assert!(!cache.healthy());
    cache.delete(&deleted).await;
    cache.set(&replaced, b"meanwhile", HOUR).await;
    assert_eq!(cache.get(&replaced).await, Some(b"meanwhile".to_vec()));
    assert_eq!(cache.take(&taken).await, None);
    other.set(&deleted, b"by another", HOUR).await;

    proxy.turn(Mode::Open);
    eventually("it heals", async || cache.healthy()).await;
    for key in [&deleted, &replaced, &taken] {
        assert_eq!(cache.get(key).await, None, "what was changed meanwhile is forgotten");
    }
    assert_eq!(cache.get(&untouched).await, Some(b"before".to_vec()));
    use_all(&cache).await;
    assert!(cache.healthy());
}

#[tokio::test]
async fn a_silent_server_is_missed_and_used_again() {
    lose_and_heal(Mode::Silent).await;
}

#[tokio::test]
async fn a_closed_server_is_missed_and_used_again() {
    lose_and_heal(Mode::Closed).await;
}

#[tokio::test]
async fn an_idle_node_notices_by_itself() {
    let Some(url) = server() else { return };
    let proxy = Proxy::before(&url, Mode::Open).await;
    let cache = connect(&proxy.url).await;
    proxy.turn(Mode::Silent);
    eventually("it is missed", async || !cache.healthy()).await;
}

#[tokio::test]
async fn an_outage_frees_nobody_from_a_limit() {
    let Some(url) = server() else { return };
    let quota: Quota = "5/1h".parse().unwrap();
    for mode in [Mode::Silent, Mode::Closed] {
        let proxy = Proxy::before(&url, Mode::Open).await;
        let (cache, other) = (connect(&proxy.url).await, connect(&url).await);
        let (refused, half, counted) = (key(), key(), key());
        while cache.limit(&refused, &quota).await.allowed {}
        other.limit(&half, &quota).await;
        other.limit(&half, &quota).await;
        cache.limit(&half, &quota).await;
        other.count(&counted, HOUR).await;
        cache.count(&counted, HOUR).await;

        proxy.turn(mode);
        assert!(!cache.limit(&refused, &quota).await.allowed);
        let mut passed = 0;
        while cache.limit(&half, &quota).await.allowed {
            passed += 1;
        }
        assert_eq!(passed, 2, "{mode:?}: three were used over all nodes");
        assert_eq!(cache.count(&counted, HOUR).await, 3);
        assert!(!cache.healthy());
    }
}

#[tokio::test]
async fn bells_are_heard_again_after_an_outage() {
    let Some(url) = server() else { return };
    let proxy = Proxy::before(&url, Mode::Open).await;
    let (cache, other) = (connect(&proxy.url).await, connect(&url).await);
    let channel = key();
    let mut listener = cache.listen(&channel);
    proxy.turn(Mode::Closed);
    eventually("it is missed", async || !cache.healthy()).await;
    proxy.turn(Mode::Open);
    eventually("it heals", async || cache.healthy()).await;
    other.ring(&channel, b"again");
    assert_eq!(timeout(HANG, listener.recv()).await.expect("not heard").unwrap(), b"again");
}
