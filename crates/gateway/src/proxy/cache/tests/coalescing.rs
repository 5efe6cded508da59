//! One fetch for many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use denizen_cache::Cache;
use denizen_kit::problem::Problem;
use futures::future::join_all;
use http::Method;
use tokio::sync::Semaphore;

use super::{Bench, HANG, Headers, answer, config, in_time};

const FRESH: Headers<'static> = &[("cache-control", "max-age=60")];

/// An origin that answers so, as soon as the gate lets it.
fn gated(bench: &Bench, headers: Headers<'static>) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    bench.script(move |number, _| {
        let gate = held.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Ok(answer(200, headers, number.to_string()))
        })
    });
    gate
}

/// Lets what waits come as far as it can.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_reach_the_origin_once() {
    let bench = Bench::new("{}", &[]);
    let gate = gated(&bench, FRESH);
    let all = join_all((0..1000).map(|_| bench.get("/a", &[])));
    let open = async {
        settle().await;
        gate.add_permits(1000);
    };
    let (answers, ()) = tokio::join!(all, open);
    assert!(answers.iter().all(|answer| answer.body == "1"));
    let status = bench.store.status();
    assert_eq!((bench.calls(), status.misses, status.collapsed), (1, 1, 999));
    assert!(
        answers[999].cache_status().contains("fwd=uri-miss; collapsed"),
        "{}",
        answers[999].cache_status()
    );
}

#[tokio::test]
async fn a_leader_who_leaves_stops_nothing_and_starts_nothing_anew() {
    let bench = Bench::new("{}", &[]);
    let gate = gated(&bench, FRESH);
    let mut leader = Box::pin(bench.begin(Method::GET, "/a", &[]));
    assert!(futures::poll!(&mut leader).is_pending());
    settle().await;
    let mut waiting = Box::pin(bench.get("/a", &[]));
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(leader);
    settle().await;
    gate.add_permits(9);
    assert_eq!(waiting.await.body, "1");
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn a_leader_who_leaves_with_the_head_leaves_the_answer_to_the_others() {
    let bench = Bench::new("{}", FRESH);
    drop(in_time(bench.begin(Method::GET, "/a", &[])).await.unwrap());
    bench.eventually("it is kept", |bench| bench.store.status().stored == 1).await;
    assert!(bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn what_is_not_shared_sends_each_on_their_own_way() {
    let bench = Bench::new("{}", &[]);
    let gate = gated(&bench, &[("cache-control", "no-store")]);
    let all = join_all((0..20).map(|_| bench.get("/a", &[])));
    let open = async {
        settle().await;
        assert_eq!(bench.calls(), 1, "all wait for the first");
        gate.add_permits(20);
    };
    let (answers, ()) = tokio::join!(all, open);
    let mut bodies: Vec<usize> = answers.iter().map(|answer| answer.body.parse().unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (1..=20).collect::<Vec<_>>());

    // It is remembered: of the next nobody waits for another.
    let all = join_all((0..20).map(|_| bench.get("/a", &[])));
    let open = async {
        settle().await;
        assert_eq!(bench.calls(), 40);
        gate.add_permits(20);
    };
    tokio::join!(all, open);

    // Once it may be shared, it is again.
    gated(&bench, FRESH).add_permits(1);
    bench.get("/a", &[]).await;
    assert!(bench.is_kept("/a", &[]).await);
}

#[tokio::test]
async fn answers_that_are_stale_at_once_are_not_shared() {
    let bench = Bench::new("{}", &[]);
    let gate = gated(&bench, &[("cache-control", "no-cache"), ("etag", "\"1\"")]);
    let all = join_all((0..5).map(|_| bench.get("/a", &[])));
    let open = async {
        settle().await;
        gate.add_permits(5);
    };
    tokio::join!(all, open);
    assert_eq!(bench.calls(), 5);
}

#[tokio::test]
async fn variants_wait_for_their_own() {
    let bench = Bench::new("{}", &[]);
    let gate = gated(&bench, &[("cache-control", "max-age=60"), ("vary", "accept-language")]);
    let all = join_all((0..100).map(|index| {
        let language = [("accept-language", if index % 2 == 0 { "de" } else { "en" })];
        let bench = &bench;
        async move { bench.get("/a", &language).await }
    }));
    let open = async {
        settle().await;
        gate.add_permits(1);
        settle().await;
        gate.add_permits(99);
    };
    let (answers, ()) = tokio::join!(all, open);
    assert!(answers.iter().step_by(2).all(|answer| answer.body == "1"));
    assert!(answers.iter().skip(1).step_by(2).all(|answer| answer.body == "2"));
    assert_eq!(bench.calls(), 2);
}

#[tokio::test]
async fn a_failure_is_for_all_who_waited_and_not_for_who_comes_later() {
    let bench = Bench::new("{}", &[]);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    bench.script(move |_, _| {
        let gate = held.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Err(Problem::unavailable("no upstream").into())
        })
    });
    let all = join_all((0..50).map(|_| bench.get("/a", &[])));
    let open = async {
        settle().await;
        gate.add_permits(50);
    };
    let (answers, ()) = tokio::join!(all, open);
    assert!(answers.iter().all(|answer| answer.status == 503));
    assert_eq!(bench.calls(), 1, "a broken upstream is not asked fifty times");
    bench.say(200, FRESH);
    assert_eq!(bench.get("/a", &[]).await.body, "2");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_time_limit() {
    let patience = Duration::from_secs(2);
    let bench = Bench::with(super::Config { patience, ..config() }, &Cache::memory(), "{}");
    let calls = Arc::new(AtomicUsize::new(0));
    let held = calls.clone();
    bench.script(move |number, _| {
        held.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if number == 1 {
                std::future::pending::<()>().await;
            }
            Ok(answer(200, FRESH, number.to_string()))
        })
    });
    let mut leader = Box::pin(bench.begin(Method::GET, "/a", &[]));
    assert!(futures::poll!(&mut leader).is_pending());
    settle().await;
    let start = tokio::time::Instant::now();
    let answer = tokio::time::timeout(HANG, bench.get("/a", &[])).await.unwrap();
    assert_eq!((answer.body.as_str(), start.elapsed().as_secs()), ("2", 2));
    assert!(bench.is_kept("/a", &[]).await, "the fetch that hangs is left behind");
}

#[tokio::test]
async fn who_wants_a_new_answer_joins_nobody() {
    let bench = Bench::new("{}", &[]);
    let gate = gated(&bench, FRESH);
    let all = async { tokio::join!(bench.get("/a", &[]), bench.get("/a", &[("cache-control", "no-cache")])) };
    let open = async {
        settle().await;
        gate.add_permits(2);
    };
    tokio::join!(all, open);
    assert_eq!(bench.calls(), 2);
}

#[tokio::test]
async fn a_stale_answer_is_fetched_anew_once_however_many_get_it() {
    let bench = Bench::new(r#"{"stale_while_revalidate": "1m"}"#, FRESH);
    bench.get("/a", &[]).await;
    bench.advance(61);
    let gate = gated(&bench, FRESH);
    let answers = join_all((0..100).map(|_| bench.get("/a", &[]))).await;
    assert!(answers.iter().all(|answer| answer.body == "1"));
    settle().await;
    assert_eq!(bench.calls(), 2);
    gate.add_permits(1);
    bench.eventually("a new one is kept", |bench| bench.store.status().stored == 2).await;
    assert_eq!(bench.get("/a", &[]).await.body, "2");
}

#[tokio::test]
async fn what_may_be_sent_stale_is_shared_and_fetched_anew_though_it_is_stale_at_once() {
    let bench = Bench::new("{}", &[("cache-control", "max-age=0, stale-while-revalidate=60")]);
    assert_eq!(bench.get("/a", &[]).await.body, "1");
    for round in 1..5 {
        assert_eq!(bench.get("/a", &[]).await.body, round.to_string());
        bench.eventually("a new one is kept", |bench| bench.store.status().stored == round + 1).await;
    }
}
