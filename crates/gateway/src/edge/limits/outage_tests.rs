//! Limits of routes while the server that nodes share is killed, silent, or back without its memory: by a server of the
//! tests' own, for the shared one must not be stopped.

use std::time::{Duration, Instant};

use denizen_cache::Cache;

use super::route::{Keys, RateLimitSpec, RouteLimit};
use crate::test_server::{Server, until};

/// How much an outage may add to a request.
const ADDED: Duration = Duration::from_millis(250);

fn limit(burst: u32) -> RouteLimit {
    let text = format!(r#"{{"quota": {burst}, "window": "1h", "per": "user"}}"#);
    let spec: RateLimitSpec = serde_json::from_str(&text).unwrap();
    RouteLimit::compile("r", 0, &spec).unwrap()
}

fn person(id: &str) -> Keys<'_> {
    Keys { person: Some(id), ..Keys::default() }
}

/// How many pass before the first refusal.
async fn passing(cache: &Cache, limit: &RouteLimit, id: &str) -> u32 {
    let mut count = 0;
    while limit.check(cache, &person(id)).await.is_ok() {
        count += 1;
    }
    count
}

/// Uses limits before, during and after an outage.
async fn outage(signal: &str) {
    let Some(server) = Server::start(None).await else { return };
    let (here, there) = (server.connect().await, server.connect().await);
    let limit = limit(10);
    assert_eq!(passing(&here, &limit, "used up").await, 10);
    // Six of ten are used over both nodes, and the last of them here.
    for cache in [&there, &there, &there, &there, &here, &here] {
        limit.check(cache, &person("half")).await.unwrap();
    }

    server.signal(signal);
    let began = Instant::now();
    let used_up = person("used up");
    let at_once = (0..50).map(|_| limit.check(&here, &used_up));
    assert!(futures::future::join_all(at_once).await.iter().all(Result::is_err), "a refusal holds");
    assert_eq!(passing(&here, &limit, "half").await, 4, "an outage frees nobody");
    assert_eq!(passing(&here, &limit, "new").await, 10, "and shuts nobody out");
    let added = began.elapsed();
    assert!(!here.healthy());
    // The requests under way waited together, once; all 66 would be more than six seconds if each waited.
    assert!(added < ADDED * 4, "{signal}: 66 requests took {added:?}");
    let began = Instant::now();
    for index in 0..1000 {
        limit.check(&here, &person(&index.to_string())).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "a thousand took {:?}", began.elapsed());

    let port = server.port();
    let server = if signal == "-STOP" {
        server.signal("-CONT");
        server
    } else {
        drop(server);
        Server::start(Some(port)).await.unwrap()
    };
    until(&here, true).await;
    for id in ["used up", "half", "new"] {
        assert_eq!(passing(&here, &limit, id).await, 0, "{signal}: {id}: what was used meanwhile is used");
    }
    // What a node tells the server holds for the others, whether or not the server has kept its memory.
    limit.check(&here, &person("later")).await.unwrap();
    until(&there, true).await;
    assert_eq!(passing(&there, &limit, "later").await, 9);
    drop(server);
}

#[tokio::test]
async fn a_killed_server_frees_nobody_and_delays_once() {
    outage("-KILL").await;
}

#[tokio::test]
async fn a_silent_server_frees_nobody_and_delays_once() {
    outage("-STOP").await;
}

/// No request of many that run while the server falls silent waits longer than one command may take.
#[tokio::test]
async fn no_request_waits_twice() {
    let Some(server) = Server::start(None).await else { return };
    let cache = server.connect().await;
    let limit = limit(100_000);
    limit.check(&cache, &person("a")).await.unwrap();
    server.signal("-STOP");
    let mut waits = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        limit.check(&cache, &person("a")).await.unwrap();
        waits.push(began.elapsed());
    }
    let slow = waits.iter().filter(|wait| **wait >= Duration::from_millis(90)).count();
    assert!(slow <= 2, "{slow} of 200 waited for the server: {:?}", waits.iter().max());
}
