//! Targets that are killed, hang, are slow or refuse, under load: no idempotent request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use denizen_upstream::http::{
    Balance, BreakerSpec, BreakerState, BudgetSpec, HealthSpec, PassiveSpec, TargetState, Timeouts,
};
use http_body::Frame;
use http_body_util::StreamBody;

use super::*;

const TRY: Duration = Duration::from_millis(300);

fn quick() -> Timeouts {
    Timeouts { head: TRY, ..Timeouts::default() }
}

fn passive() -> PassiveSpec {
    PassiveSpec { failures: 3, eject_for: Duration::from_millis(500), ..PassiveSpec::default() }
}

fn state_of(cluster: &Cluster, index: usize) -> TargetState {
    cluster.status().targets[index].state
}

/// Sixteen clients that ask without a pause until they are told to stop; how many requests were made and which failed.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn on(cluster: &Cluster) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..16).map(|_| {
            let (cluster, stop, done) = (cluster.clone(), stop.clone(), done.clone());
            tokio::spawn(async move {
                let mut failed = Vec::new();
                let ask = Ask { retries: 2, ..Ask::default() };
                while !stop.load(Ordering::SeqCst) {
                    match send(&cluster, get("/name"), &ask).await {
                        Ok(response) => match read(response).await {
                            (200, _) => {}
                            other => failed.push(format!("{other:?}")),
                        },
                        Err(error) => failed.push(error.to_string()),
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                }
                failed
            })
        });
        let clients = clients.collect();
        Self { stop, done, clients }
    }

    /// Waits until so many more requests are done.
    async fn go_on(&self, count: usize) {
        let goal = self.done.load(Ordering::SeqCst) + count;
        until("requests are done", || self.done.load(Ordering::SeqCst) >= goal).await;
    }

    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        let mut failed = Vec::new();
        for client in self.clients {
            failed.extend(client.await.unwrap());
        }
        failed
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_is_killed_hangs_and_is_slow_and_no_request_fails() {
    for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::PeakEwma] {
        let mut backends = [Backend::start("a"), Backend::start("b"), Backend::start("c")];
        let all: Vec<&Backend> = backends.iter().collect();
        let health = HealthSpec {
            path: "/name".to_owned(),
            interval: Duration::from_millis(100),
            timeout: TRY,
            ..HealthSpec::default()
        };
        let cluster = cluster(ClusterSpec {
            balance,
            timeouts: quick(),
            passive: Some(passive()),
            health: Some(health),
            ..spec(&all)
        });
        let load = Load::on(&cluster);
        load.go_on(300).await;
        backends[0].kill();
        load.go_on(300).await;
        until("the killed one is unhealthy", || state_of(&cluster, 0) == TargetState::Unhealthy).await;
        backends[0].restart();
        until("it is back", || state_of(&cluster, 0) == TargetState::Healthy).await;
        backends[1].hang();
        load.go_on(600).await;
        until("the one that hangs is unhealthy", || state_of(&cluster, 1) == TargetState::Unhealthy).await;
        backends[1].heal();
        until("it is back", || state_of(&cluster, 1) == TargetState::Healthy).await;
        backends[2].slow(50);
        load.go_on(600).await;
        let failed = load.end().await;
        assert!(failed.is_empty(), "{balance:?}: {} failed, such as {:?}", failed.len(), failed.first());
        let status = cluster.status();
        assert!(status.targets.iter().all(|target| target.in_flight == 0), "{status:?}");
    }
}

#[tokio::test]
async fn what_was_not_sent_goes_elsewhere_whatever_its_method() {
    let (mut dead, alive) = (Backend::start("dead"), Backend::start("alive"));
    let cluster = cluster(spec(&[&dead, &alive]));
    dead.kill();
    for _ in 0..4 {
        let request = Request::post("/echo").body(Body::from(Bytes::from_static(b"once"))).unwrap();
        let ask = Ask { retries: 0, ..Ask::default() };
        assert_eq!(read(send(&cluster, request, &ask).await.unwrap()).await, (200, "once".to_owned()));
    }
    assert_eq!(alive.requests(), 4);
    assert_eq!(cluster.status().retries, 0, "it costs no retry");
}

#[tokio::test]
async fn what_may_have_been_done_is_repeated_only_if_that_does_no_harm() {
    let (hanging, alive) = (Backend::start("hanging"), Backend::start("alive"));
    hanging.hang();
    let cluster = cluster(ClusterSpec { timeouts: quick(), ..spec(&[&hanging, &alive]) });
    let post = || Request::post("/name").body(Body::from(Bytes::from_static(b"x"))).unwrap();
    let first = send(&cluster, post(), &Ask::default()).await;
    assert!(matches!(first, Err(SendError::Timeout)), "{first:?}");
    assert_eq!(
        read(send(&cluster, post(), &Ask::default()).await.unwrap()).await.1,
        "alive",
        "the next turn"
    );
    let keyed = Ask { idempotent: true, ..Ask::default() };
    assert_eq!(read(send(&cluster, post(), &keyed).await.unwrap()).await.1, "alive", "it has a key");
    assert_eq!(hanging.requests() + alive.requests(), 4);
}

#[tokio::test]
async fn a_body_is_sent_again_as_far_as_it_is_kept() {
    let (hanging, alive) = (Backend::start("hanging"), Backend::start("alive"));
    hanging.hang();
    for (limit, succeeds) in [(100_000, true), (1_000, false)] {
        let cluster = cluster(ClusterSpec { timeouts: quick(), ..spec(&[&hanging, &alive]) });
        let part = || Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![b'z'; 5_000])));
        let frames = futures::stream::iter((0..4).map(move |_| part()));
        let request = Request::put("/echo").body(Body::new(StreamBody::new(frames))).unwrap();
        let ask = Ask { replay_limit: limit, ..Ask::default() };
        match send(&cluster, request, &ask).await {
            Ok(response) => assert_eq!((succeeds, read(response).await.1.len()), (true, 20_000)),
            Err(error) => assert!(!succeeds && matches!(error, SendError::Timeout), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn the_upstreams_own_answer_comes_back_when_retries_end() {
    let (one, two) = (Backend::start("one"), Backend::start("two"));
    one.answer_with(503);
    two.answer_with(503);
    let cluster = cluster(spec(&[&one, &two]));
    let ask = Ask { retries: 2, ..Ask::default() };
    let (status, body) = read(send(&cluster, get("/name"), &ask).await.unwrap()).await;
    assert!(status == 503 && (body == "one" || body == "two"), "{status} {body}");
    assert_eq!(one.requests() + two.requests(), 3);
    let post = Request::post("/name").body(Body::empty()).unwrap();
    assert_eq!(read(send(&cluster, post, &ask).await.unwrap()).await.0, 503);
    assert_eq!(one.requests() + two.requests(), 4, "a POST that was answered is not repeated");
    two.heal();
    assert_eq!(ask_for(&cluster, "/name").await, (200, "two".to_owned()));
}

#[tokio::test]
async fn retries_are_a_share_of_the_requests() {
    let backend = Backend::start("one");
    backend.answer_with(503);
    let budget = BudgetSpec { ratio: 0.1, floor: 0 };
    let cluster = cluster(ClusterSpec { budget, ..spec(&[&backend]) });
    for _ in 0..50 {
        assert_eq!(ask_for(&cluster, "/name").await.0, 503);
    }
    let status = cluster.status();
    assert_eq!(backend.requests(), 50 + 5, "{status:?}");
    assert_eq!((status.retries, status.retries_denied), (5, 45));
}

#[tokio::test]
async fn a_breaker_opens_lets_one_try_and_closes() {
    let backend = Backend::start("one");
    let breaker = BreakerSpec { failures: 3, rate: None, open_for: Duration::from_millis(300) };
    let cluster = cluster(ClusterSpec { breaker: Some(breaker), ..spec(&[&backend]) });
    let state = || cluster.status().breaker.unwrap().state;
    let ask = Ask { retries: 0, ..Ask::default() };
    backend.answer_with(500);
    for _ in 0..5 {
        assert_eq!(ask_for(&cluster, "/name").await.0, 500, "a 500 opens nothing");
    }
    backend.answer_with(502);
    for _ in 0..3 {
        assert_eq!(read(send(&cluster, get("/name"), &ask).await.unwrap()).await.0, 502);
    }
    assert_eq!(state(), BreakerState::Open);
    let refused = send(&cluster, get("/name"), &ask).await;
    assert!(matches!(refused, Err(SendError::Open { .. })), "{refused:?}");
    assert_eq!(backend.requests(), 8);

    backend.hang();
    until("a request may try", || state() == BreakerState::HalfOpen).await;
    let probe = tokio::spawn({
        let (cluster, ask) = (cluster.clone(), ask.clone());
        async move { cluster.send(get("/name"), &ask).await.map(|response| response.status()) }
    });
    until("it is at the target", || backend.requests() == 9).await;
    assert!(matches!(send(&cluster, get("/name"), &ask).await, Err(SendError::Open { .. })), "exactly one");
    probe.abort();
    assert!(probe.await.unwrap_err().is_cancelled());
    backend.heal();
    assert_eq!(ask_for(&cluster, "/name").await.0, 200, "the next may try, its client having gone");
    assert_eq!(state(), BreakerState::Closed);
}

#[tokio::test]
async fn when_all_are_unhealthy_requests_fail_at_once() {
    let backend = Backend::start("one");
    backend.answer_with(500);
    let health = HealthSpec { interval: Duration::from_millis(30), ..HealthSpec::default() };
    let cluster = cluster(ClusterSpec { health: Some(health), ..spec(&[&backend]) });
    until("it is unhealthy", || state_of(&cluster, 0) == TargetState::Unhealthy).await;
    let failed = send(&cluster, get("/name"), &Ask::default()).await;
    assert!(matches!(failed, Err(SendError::AllDown { .. })), "{failed:?}");
    backend.heal();
    until("it is well again", || state_of(&cluster, 0) == TargetState::Healthy).await;
    assert_eq!(ask_for(&cluster, "/name").await.0, 200);
}

#[tokio::test]
async fn failures_in_a_row_leave_a_target_out_for_a_while() {
    let (bad, good) = (Backend::start("bad"), Backend::start("good"));
    bad.answer_with(503);
    let cluster = cluster(ClusterSpec { passive: Some(passive()), ..spec(&[&bad, &good]) });
    let ask = Ask { retries: 0, ..Ask::default() };
    for _ in 0..6 {
        send(&cluster, get("/name"), &ask).await.unwrap();
    }
    assert_eq!(state_of(&cluster, 0), TargetState::Ejected);
    for _ in 0..10 {
        assert_eq!(read(send(&cluster, get("/name"), &ask).await.unwrap()).await.1, "good");
    }
    assert_eq!(bad.requests(), 3);
    bad.heal();
    until("it is asked again", || state_of(&cluster, 0) == TargetState::Healthy).await;
    let names = [ask_for(&cluster, "/name").await.1, ask_for(&cluster, "/name").await.1];
    assert!(names.contains(&"bad".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_slow_client_is_not_the_targets_fault() {
    let backend = Backend::start("one");
    let cluster = cluster(ClusterSpec { timeouts: quick(), passive: Some(passive()), ..spec(&[&backend]) });
    let frames = futures::stream::once(async {
        tokio::time::sleep(TRY * 2).await;
        Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(b"late")))
    });
    let request = Request::post("/collect").body(Body::new(StreamBody::new(frames))).unwrap();
    assert_eq!(read(send(&cluster, request, &Ask::default()).await.unwrap()).await, (200, "4".to_owned()));
    assert_eq!(cluster.status().timeouts, 0);
}

#[tokio::test]
async fn the_deadline_holds_over_all_tries() {
    let (one, two) = (Backend::start("one"), Backend::start("two"));
    one.hang();
    two.hang();
    let cluster = cluster(ClusterSpec { timeouts: quick(), ..spec(&[&one, &two]) });
    let deadline = Some(tokio::time::Instant::now() + TRY + TRY / 2);
    let started = Instant::now();
    let ask = Ask { retries: 5, deadline, ..Ask::default() };
    assert!(matches!(send(&cluster, get("/name"), &ask).await, Err(SendError::Timeout)));
    assert!(started.elapsed() < TRY * 3, "{:?}", started.elapsed());
    assert_eq!(one.requests() + two.requests(), 2);
}
