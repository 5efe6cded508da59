//! Any subset of the roles is a process that starts, answers, and says what it lacks.
//!
//! A subset and the rest share a data folder, as processes on one machine do; nothing tells them of each other.

use std::fmt::Write as _;

use denizen_kit::caller::Role;
use futures::StreamExt as _;
use serde_json::json;

use crate::process::{Launch, Process};

/// How many pairs of processes start at the same time.
const AT_ONCE: usize = 4;

/// All roles, a bit each.
const ALL: u8 = 0b111_1111;

/// The roles of a set of bits.
fn roles(bits: u8) -> Vec<Role> {
    Role::ALL
        .into_iter()
        .enumerate()
        .filter(|(place, _)| bits & (1 << place) != 0)
        .map(|(_, role)| role)
        .collect()
}

/// The bits of these roles.
fn bits(roles: &[Role]) -> u8 {
    let places = Role::ALL.into_iter().enumerate().filter(|(_, role)| roles.contains(role));
    places.fold(0, |bits, (place, _)| bits | 1 << place)
}

/// Starts the subset and the rest; what went wrong, if anything did.
async fn boot(subset: u8) {
    let folder = tempfile::tempdir().unwrap();
    let halves = [subset, ALL & !subset].into_iter().filter(|half| *half != 0);
    let mut started: Vec<(u8, Process)> = Vec::new();
    for (place, half) in halves.enumerate() {
        let mut list = String::new();
        for role in roles(half) {
            write!(list, "{role},").unwrap();
        }
        let launch = Launch::new(folder.path()).cheap().set("mode", "development");
        // Either way of naming them.
        let process = if place == 0 {
            launch.start(&["serve", "--roles", &list])
        } else {
            launch.set("roles", &list).start(&[])
        };
        started.push((half, process));
    }
    for (half, process) in &mut started {
        process.answers("/health/live").await;
        says_what_it_is(*half, process).await;
    }
    for (half, process) in started {
        let log = process.log();
        assert!(!log.contains("panicked"), "{:?}: {log}", roles(half));
        assert_eq!(process.terminate().code(), Some(0), "{:?}: {log}", roles(half));
    }
}

async fn says_what_it_is(half: u8, process: &Process) {
    let here = roles(half);
    let ready = process.client().get("//health/ready").await;
    if !here.contains(&Role::Gateway) {
        let checks = ready.expect(200).body["checks"].clone();
        let named: Vec<&String> = checks.as_object().unwrap().keys().collect();
        let mut expected: Vec<String> = here.iter().map(ToString::to_string).collect();
        expected.sort_unstable();
        assert_eq!(named, expected.iter().collect::<Vec<_>>());
        return;
    }
    let ready = ready.expect(200).body;
    let absent: Vec<String> = roles(ALL & !half).iter().map(ToString::to_string).collect();
    assert_eq!(ready["absent"], json!(absent));
    assert_eq!(ready["status"], if absent.is_empty() { "ok" } else { "degraded" });
}

async fn boot_each(subsets: impl IntoIterator<Item = u8>) {
    futures::stream::iter(subsets).for_each_concurrent(AT_ONCE, boot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dozen_subsets_start() {
    use Role::{Audit, Auth, Gateway, Notify, Otp, Password, Users};
    let subsets: [&[Role]; 6] = [
        &[Gateway],
        &[Audit],
        &[Users, Auth],
        &[Gateway, Users],
        &[Gateway, Users, Auth, Password],
        &[Gateway, Otp, Notify],
    ];
    boot_each(subsets.map(bits)).await;
    assert_eq!(bits(&Role::ALL), ALL);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts 127 processes; ./check --full runs it"]
async fn every_subset_starts() {
    // Each pair of a subset and the rest once, and the whole.
    let half: Vec<u8> = (1..=ALL).filter(|subset| *subset > (ALL & !*subset)).collect();
    assert_eq!(half.len(), 64);
    boot_each(half).await;
}
