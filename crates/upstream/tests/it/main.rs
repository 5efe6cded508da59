//! Channels against real servers on loopback that are killed, drained, hung and started again.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod http;
mod server;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ::http::Request;
use denizen_kit::task::Tasks;
use denizen_upstream::{Targets, channel};
use server::Target;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

/// Far more than anything here takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

fn channel_to(list: &str) -> Channel {
    channel(&list.parse::<Targets>().unwrap(), &Tasks::new())
}

fn url(target: &Target) -> String {
    format!("http://{}", target.address)
}

/// Makes a call and returns two headers of the answer: who answered, and which host was asked for.
async fn ask(channel: &Channel) -> Result<(String, String), Status> {
    let request = Request::post("http://ignored/test.Named/Call").body(Body::empty()).unwrap();
    let mut channel = channel.clone();
    let call = async {
        let ready = channel.ready().await.map_err(|error| Status::from_error(error.into()))?;
        ready.call(request).await.map_err(|error| Status::from_error(error.into()))
    };
    let response = timeout(HANG, call).await.expect("the call hangs")?;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    Ok((header("x-name"), header("x-host")))
}

async fn name(channel: &Channel) -> Result<String, Status> {
    ask(channel).await.map(|(name, _)| name)
}

/// Calls until the target of this name answers.
async fn until_named(channel: &Channel, wanted: &str) {
    let start = Instant::now();
    while name(channel).await.ok().as_deref() != Some(wanted) {
        assert!(start.elapsed() < HANG, "{wanted} never answers");
    }
}

/// Calls until one fails.
async fn until_failing(channel: &Channel) {
    let start = Instant::now();
    while name(channel).await.is_ok() {
        assert!(start.elapsed() < HANG, "never fails");
    }
}

#[tokio::test]
async fn calls_are_spread_over_all_targets() {
    let (one, two) = (Target::start("one"), Target::start("two"));
    let channel = channel_to(&format!("{}, {}", url(&one), url(&two)));
    until_named(&channel, "one").await;
    until_named(&channel, "two").await;
    let mut answers = BTreeMap::new();
    for _ in 0..200 {
        *answers.entry(name(&channel).await.unwrap()).or_insert(0) += 1;
    }
    assert!(answers["one"] > 50 && answers["two"] > 50, "{answers:?}");
}

#[tokio::test]
async fn a_killed_target_costs_at_most_one_call_and_comes_back() {
    let (mut one, two) = (Target::start("one"), Target::start("two"));
    let channel = channel_to(&format!("{}, {}", url(&one), url(&two)));
    until_named(&channel, "one").await;
    until_named(&channel, "two").await;

    one.kill();
    let mut failed = 0;
    for _ in 0..300 {
        failed += usize::from(name(&channel).await.is_err());
    }
    assert!(failed <= 1, "{failed} calls failed");

    let _one = Target::start_at("one again", one.address);
    until_named(&channel, "one again").await;
}

#[tokio::test]
async fn with_all_targets_dead_calls_fail_at_once_and_heal() {
    let (mut one, mut two) = (Target::start("one"), Target::start("two"));
    let channel = channel_to(&format!("{}, {}", url(&one), url(&two)));
    name(&channel).await.unwrap();
    one.kill();
    two.kill();
    until_failing(&channel).await;

    let start = Instant::now();
    let mut broken = 0;
    for _ in 0..100 {
        let status = name(&channel).await.unwrap_err();
        broken += usize::from(status.code() != Code::Unavailable);
    }
    assert!(broken <= 2, "a broken connection shows itself once, then calls are refused: {broken}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?} for 100 calls", start.elapsed());

    let two = Target::start_at("two again", two.address);
    until_named(&channel, "two again").await;
    for _ in 0..20 {
        assert_eq!(name(&channel).await.unwrap(), "two again");
    }
    drop(two);
}

#[tokio::test]
async fn a_target_may_come_later_than_the_channel() {
    let address = Target::start("once").address;
    let channel = channel_to(&format!("http://{address}"));
    let status = name(&channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let _late = Target::start_at("late", address);
    until_named(&channel, "late").await;
}

#[tokio::test]
async fn a_draining_target_hands_its_calls_over() {
    let (mut one, two) = (Target::start("one"), Target::start("two"));
    let channel = channel_to(&format!("{}, {}", url(&one), url(&two)));
    until_named(&channel, "one").await;
    until_named(&channel, "two").await;
    one.drain();
    let mut failed = 0;
    for _ in 0..300 {
        failed += usize::from(name(&channel).await.is_err());
    }
    assert!(failed <= 1, "{failed} calls failed");
    assert_eq!(name(&channel).await.unwrap(), "two");
}

#[tokio::test]
async fn a_target_that_accepts_but_never_answers_takes_no_calls() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());

    let channel = channel_to(&silent);
    let start = Instant::now();
    assert_eq!(name(&channel).await.unwrap_err().code(), Code::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    let good = Target::start("good");
    let channel = channel_to(&format!("{silent}, {}", url(&good)));
    for _ in 0..50 {
        assert_eq!(name(&channel).await.unwrap(), "good");
    }
}

#[tokio::test]
async fn names_are_looked_up_and_stay_the_host_of_the_call() {
    let target = Target::start("one");
    let port = target.address.port();
    let channel = channel_to(&format!("dns+http://localhost:{port}"));
    assert_eq!(ask(&channel).await.unwrap(), ("one".to_owned(), format!("localhost:{port}")));

    let channel = channel_to("dns+http://no-such-host.invalid:9090");
    assert_eq!(name(&channel).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn watching_ends_with_the_channel() {
    let target = Target::start("one");
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let list = format!("{}, dns+http://localhost:{}", url(&target), target.address.port());
    let channel = channel_to(&list);
    name(&channel).await.unwrap();
    assert!(alive() > before);
    drop(channel);
    let start = Instant::now();
    while alive() > before {
        assert!(start.elapsed() < HANG, "{} tasks stay", alive() - before);
        tokio::task::yield_now().await;
    }
}
