#![doc = include_str!("../README.md")]

#[cfg(feature = "cluster")]
mod client;
#[cfg(feature = "cluster")]
mod cluster;
pub mod peers;
#[cfg(feature = "cluster")]
pub mod residue;
mod stage;
#[cfg(feature = "cluster")]
mod topology;

#[cfg(feature = "cluster")]
pub use client::{Answer, Client, PASSWORD, code_in, token_in};
#[cfg(feature = "cluster")]
pub use cluster::{Cluster, Options, fresh_database};
pub use stage::{Stage, Way, Wiring, person};
#[cfg(feature = "cluster")]
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
