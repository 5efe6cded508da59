//! [`ClusterStatus`]: how a cluster is, for the admin API and for tests.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::breaker::BreakerState;
use super::inner::Inner;
use super::spec::{Balance, Protocol};
use super::target::Target;

/// How a cluster is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterStatus {
    /// Its name.
    pub name: String,
    /// How a target is chosen.
    pub balance: Balance,
    /// Which version of HTTP is spoken.
    pub protocol: Protocol,
    /// Where targets are looked up, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discover: Option<String>,
    /// What is wrong with looking them up, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discover_error: Option<String>,
    /// The breaker, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerStatus>,
    /// Its targets.
    pub targets: Vec<TargetStatus>,
    /// Requests since the start.
    pub requests: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Retries.
    pub retries: u64,
    /// Retries that the budget did not allow.
    pub retries_denied: u64,
    /// Requests that the breaker refused.
    pub refused: u64,
    /// Tries that took too long.
    pub timeouts: u64,
    /// How often a target was ejected.
    pub ejections: u64,
}

/// How a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BreakerStatus {
    /// What it does.
    pub state: BreakerState,
    /// How often it opened.
    pub opened: u64,
}

/// How a target is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetStatus {
    /// Where it is.
    pub url: String,
    /// Its share beside the others'.
    pub weight: u32,
    /// Whether it takes requests, and if not, why.
    pub state: TargetState,
    /// Requests that it works on.
    pub in_flight: u32,
    /// Estimated latency in milliseconds, leaning to the worst lately.
    pub latency_ms: f64,
    /// Tries since it became a target.
    pub requests: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Idle HTTP/1 connections.
    pub idle_connections: usize,
    /// Open HTTP/2 connections.
    pub http2_connections: usize,
}

/// Whether a target takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// It does.
    Healthy,
    /// Not for a while: it failed requests in a row.
    Ejected,
    /// Not until its checks are good again.
    Unhealthy,
}

// === impl ClusterStatus ===

impl ClusterStatus {
    pub(crate) fn of(inner: &Inner) -> Self {
        let now = Instant::now();
        let counters = &inner.counters;
        let error = inner.discovery.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            name: inner.spec.name.clone(),
            balance: inner.spec.balance,
            protocol: inner.spec.protocol,
            discover: inner.spec.discover.as_ref().map(ToString::to_string),
            discover_error: (!error.is_empty()).then_some(error),
            breaker: inner.breaker.as_ref().map(|breaker| {
                let (state, opened) = breaker.status(now);
                BreakerStatus { state, opened }
            }),
            targets: inner.targets.load().iter().map(|target| TargetStatus::of(target, now)).collect(),
            requests: counters.requests.get(),
            failures: counters.failures.get(),
            retries: counters.retries.get(),
            retries_denied: counters.retries_denied.get(),
            refused: counters.refused.get(),
            timeouts: counters.timeouts.get(),
            ejections: counters.ejections.get(),
        }
    }
}

// === impl TargetStatus ===

impl TargetStatus {
    fn of(target: &Target, now: Instant) -> Self {
        let state = if target.standing.is_unhealthy() {
            TargetState::Unhealthy
        } else if target.standing.is_ejected(now) {
            TargetState::Ejected
        } else {
            TargetState::Healthy
        };
        let (idle_connections, http2_connections) = target.pool.sizes();
        let micros = Duration::try_from_secs_f64(target.latency.seconds(now)).unwrap_or_default().as_micros();
        Self {
            url: target.origin.to_string(),
            weight: target.weight(),
            state,
            in_flight: target.in_flight(),
            latency_ms: f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1_000.0,
            requests: target.requests.load(Ordering::Relaxed),
            failures: target.failures.load(Ordering::Relaxed),
            idle_connections,
            http2_connections,
        }
    }
}
