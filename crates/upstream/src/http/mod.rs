//! Clusters: HTTP targets that stand for each other, found, watched, balanced, and reached over connections that are
//! used again.

mod answer;
mod balance;
mod body;
mod breaker;
mod budget;
mod check;
mod cluster;
mod connect;
mod counters;
mod dice;
mod discover;
mod error;
mod exchange;
mod flight;
mod health;
mod inner;
mod latency;
mod line;
mod origin;
mod pool;
mod replay;
mod retry;
mod send;
mod spec;
mod standing;
mod status;
mod streams;
mod target;
mod tls;
mod upgrade;

pub use body::{Body, BoxError};
pub use breaker::BreakerState;
pub use cluster::Cluster;
pub use discover::{ConsulPlace, Discover, DnsPlace, EurekaPlace};
pub use error::{BadCluster, ConnectError, SendError};
pub use send::{Ask, Tell};
pub use spec::{
    Balance, BreakerSpec, BudgetSpec, ClientCertificate, ClusterSpec, HealthSpec, PassiveSpec, PoolSpec,
    Protocol, RateRule, TargetSpec, Timeouts, TlsSpec,
};
pub use status::{BreakerStatus, ClusterStatus, TargetState, TargetStatus};
pub use upgrade::Hold;

/// A key for consistent hashing of these bytes: the same in every process and version.
pub fn hash_key(bytes: &[u8]) -> u64 {
    dice::fnv(bytes)
}
