//! The promises of the cache, in memory and on a server, and with a server that goes away.
//!
//! The server is the one that `DENIZEN_TEST_CACHE_URL` (`redis://host:port`) names; without it memory alone is tested.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod outage;
mod proxy;
mod suite;

use std::time::Duration;

use denizen_cache::{Cache, Config};
use denizen_kit::seal;
use denizen_kit::task::Tasks;

/// Far more than anything here takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

/// A key that no other test and no earlier run has used.
fn key() -> String {
    let mut bytes = [0; 16];
    seal::random(&mut bytes);
    format!("test:{:x}", u128::from_ne_bytes(bytes))
}

/// The address of the server to test with, if there is one.
#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
fn server() -> Option<String> {
    std::env::var("DENIZEN_TEST_CACHE_URL").ok().filter(|url| !url.is_empty())
}

async fn connect(url: &str) -> Cache {
    let config = Config { url: Some(url.to_owned()) };
    Cache::connect(&config, &Tasks::new()).await.unwrap()
}

/// Each kind of cache that can be tested here.
async fn caches() -> Vec<Cache> {
    let mut caches = vec![Cache::memory()];
    if let Some(url) = server() {
        let cache = connect(&url).await;
        assert!(cache.healthy(), "the server of DENIZEN_TEST_CACHE_URL does not answer");
        caches.push(cache);
    }
    caches
}

/// Waits until something holds.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let waiting = async {
        while !holds().await {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(HANG, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
