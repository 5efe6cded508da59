//! Purges while the server that nodes share falls silent.

use denizen_kit::time::Clock;

use super::{Bench, Config, Headers, config};
use crate::proxy::cache::Purge;
use crate::test_server::{Server, until};

const OPEN: Headers<'static> = &[("cache-control", "max-age=600")];

async fn node(server: &Server) -> Bench {
    let cache = server.connect().await;
    let clock = Clock::manual(Clock::System.now());
    let bench = Bench::at(clock, Config { shared: true, ..config() }, &cache, "{}").saying(200, OPEN);
    tokio::spawn(bench.store.clone().follow());
    bench
}

fn is_usable(bench: &Bench) -> bool {
    bench.store.0.shared.as_ref().unwrap().is_usable()
}

#[tokio::test]
async fn a_purge_during_an_outage_holds_everywhere_after_it() {
    let Some(server) = Server::start(None).await else { return };
    let (here, there) = (node(&server).await, node(&server).await);
    for path in ["/a", "/b"] {
        here.get(path, &[]).await;
        here.eventually("it is shared", |here| is_usable(here) && here.store.status().shared > 0).await;
    }
    here.eventually("both are shared", |here| here.store.status().shared == 2).await;
    assert!(there.is_kept("/a", &[]).await && there.is_kept("/b", &[]).await);

    server.signal("-STOP");
    until(&there.store.0.cache, false).await;
    assert!(there.is_kept("/a", &[]).await, "memory serves");
    here.store.purge(Purge::url("/a").unwrap()).await;
    assert!(!is_usable(&here));
    assert!(!here.is_kept("/a", &[]).await && here.is_kept("/b", &[]).await);

    server.signal("-CONT");
    there.eventually("it forgets what it may have missed", |there| there.store.status().entries == 0).await;
    here.eventually("it tells the server", is_usable).await;
    there.advance(1);
    let late = node(&server).await;
    assert!(!late.is_kept("/a", &[]).await, "what is on the server from before the purge is void");
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_silent() {
    let Some(server) = Server::start(None).await else { return };
    let here = node(&server).await;
    server.signal("-STOP");
    let began = std::time::Instant::now();
    for index in 0..200 {
        let path = format!("/{index}");
        here.get(&path, &[]).await;
        assert!(here.is_kept(&path, &[]).await);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "400 requests took {:?}", began.elapsed());
}
