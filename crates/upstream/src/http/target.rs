//! [`Target`]: one place that takes requests, with its connections, its health and its figures. [`TargetSet`]: those
//! of a cluster at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use http::HeaderValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::balance::Turns;
use super::dice::fnv;
use super::error::BadCluster;
use super::latency::Latency;
use super::origin::Origin;
use super::pool::Pool;
use super::spec::PoolSpec;
use super::standing::Standing;

/// Where a target is, and its share; as settings or a registry say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) origin: Origin,
    pub(crate) weight: u32,
    /// Lower ones are used first, the others only when none of those takes requests (RFC 2782).
    pub(crate) priority: u16,
}

/// One place that takes requests.
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) host: HeaderValue,
    pub(crate) weight: AtomicU32,
    pub(crate) priority: AtomicU32,
    pub(crate) pool: Pool,
    pub(crate) standing: Standing,
    pub(crate) latency: Latency,
    pub(crate) requests: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// What the target is in hashes: the same in every process.
    pub(crate) seed: u64,
    in_flight: AtomicU32,
    /// Ends its health checks.
    gone: CancellationToken,
}

/// The targets of a cluster at one time, by priority.
pub(crate) struct TargetSet {
    targets: Vec<Arc<Target>>,
    pub(crate) turns: Turns,
}

// === impl Target ===

impl Target {
    pub(crate) fn new(found: &Found, pool: PoolSpec, threads: usize) -> Result<Self, BadCluster> {
        let now = Instant::now();
        Ok(Self {
            host: found.origin.host_header()?,
            weight: AtomicU32::new(found.weight.max(1)),
            priority: AtomicU32::new(found.priority.into()),
            pool: Pool::new(pool, threads),
            standing: Standing::new(now),
            latency: Latency::new(now),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            seed: fnv(found.origin.to_string().as_bytes()),
            in_flight: AtomicU32::new(0),
            gone: CancellationToken::new(),
            origin: found.origin.clone(),
        })
    }

    /// Takes over what was found anew about a target that stays.
    pub(crate) fn update(&self, found: &Found) {
        self.weight.store(found.weight.max(1), Ordering::Relaxed);
        self.priority.store(found.priority.into(), Ordering::Relaxed);
    }

    pub(crate) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    pub(crate) fn priority(&self) -> u32 {
        self.priority.load(Ordering::Relaxed)
    }

    /// How many requests it works on: each until the body of its answer has ended.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Is cancelled when it is a target no more.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// It is a target no more: what is under way ends, and nothing is kept for later.
    pub(crate) fn leave(&self) {
        self.gone.cancel();
        self.pool.close();
    }
}

// === impl TargetSet ===

impl TargetSet {
    pub(crate) fn new(mut targets: Vec<Arc<Target>>) -> Self {
        targets.sort_by_key(|target| target.priority());
        let turns = Turns::new(targets.len());
        Self { targets, turns }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<Target>> {
        self.targets.iter()
    }

    pub(crate) fn get(&self, index: usize) -> &Arc<Target> {
        &self.targets[index]
    }

    pub(crate) fn len(&self) -> usize {
        self.targets.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}
