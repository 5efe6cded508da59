#![doc = include_str!("../README.md")]

mod client;
mod cluster;
mod topology;

pub use client::{Answer, Client, PASSWORD, code_in, token_in};
pub use cluster::{Cluster, Options, fresh_database};
pub use topology::{Topology, servers};

use std::future::Future;
use std::time::Duration;

/// How long a test waits for something that follows by itself, before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until there is an answer; what follows by events is there soon, but not at once.
///
/// # Panics
/// When there is none after 20 seconds.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what}: not within 20 s"))
}
