//! [`Inner`]: what all requests, bodies and tasks of a cluster share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use denizen_kit::task::Tasks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::breaker::{Breaker, Pass};
use super::budget::Budget;
use super::connect::Connector;
use super::counters::Counters;
use super::dice::Dice;
use super::error::{BadCluster, SendError};
use super::spec::ClusterSpec;
use super::standing::may_eject;
use super::target::{Found, Target, TargetSet};
use super::tls::Tls;
use super::{check, health};

/// What all parts of a cluster share.
pub(crate) struct Inner {
    pub(crate) spec: ClusterSpec,
    pub(crate) targets: ArcSwap<TargetSet>,
    pub(crate) connector: Connector,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) budget: Budget,
    pub(crate) dice: Dice,
    pub(crate) counters: Counters,
    /// What the last look-up said, for the status.
    pub(crate) discovery: Mutex<String>,
    /// Ends the tasks when the last handle is dropped.
    pub(crate) end: CancellationToken,
    tasks: Tasks,
    threads: usize,
    /// One ejection, or one change of the targets, at a time.
    changing: Mutex<()>,
}

// === impl Inner ===

impl Inner {
    pub(crate) fn new(spec: ClusterSpec, tasks: &Tasks) -> Result<Arc<Self>, BadCluster> {
        let found = check::targets(&spec)?;
        let is_tls = spec.discover.is_some() || found.iter().any(|found| found.origin.is_tls());
        let tls = if is_tls || spec.tls.is_some() {
            Some(Tls::new(spec.tls.as_ref(), spec.protocol)?)
        } else {
            None
        };
        let now = Instant::now();
        let inner = Arc::new(Self {
            targets: ArcSwap::from_pointee(TargetSet::new(Vec::new())),
            connector: Connector { protocol: spec.protocol, limit: spec.timeouts.connect, tls },
            breaker: spec.breaker.map(|breaker| Breaker::new(breaker, now)),
            budget: Budget::new(spec.budget, now),
            dice: Dice::new(),
            counters: Counters::new(&spec.name),
            discovery: Mutex::default(),
            end: CancellationToken::new(),
            tasks: tasks.clone(),
            threads: tokio::runtime::Handle::current().metrics().num_workers(),
            changing: Mutex::new(()),
            spec,
        });
        inner.set_targets(&found)?;
        Ok(inner)
    }

    /// Takes over what settings and registries say. Targets that stay keep connections, health and figures.
    pub(crate) fn set_targets(self: &Arc<Self>, found: &[Found]) -> Result<(), BadCluster> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.targets.load();
        let mut known: HashMap<_, _> =
            before.iter().map(|target| (target.origin.clone(), target.clone())).collect();
        let mut targets = Vec::with_capacity(found.len());
        let mut new = Vec::new();
        for found in found {
            if let Some(target) = known.remove(&found.origin) {
                target.update(found);
                targets.push(target);
                continue;
            }
            let target = Arc::new(Target::new(found, self.spec.pool, self.threads)?);
            new.push(target.clone());
            targets.push(target);
        }
        self.targets.store(Arc::new(TargetSet::new(targets)));
        for target in known.into_values() {
            tracing::info!(cluster = self.spec.name, target = %target.origin, "a target has gone");
            target.leave();
        }
        for target in new {
            if let Some(spec) = &self.spec.health {
                let checker = health::Checker::new(self.clone(), target, spec.clone());
                self.spawn("upstream.health", checker.run());
            }
        }
        Ok(())
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Runs a task that ends with the cluster or the node.
    pub(crate) fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.tasks.spawn_until_stopped(name, async move {
            let _ = end.run_until_cancelled_owned(task).await;
        });
    }

    /// Leave to send a request.
    pub(crate) fn admit(&self, now: Instant) -> Result<Pass, SendError> {
        self.counters.requests.add();
        let Some(breaker) = &self.breaker else { return Ok(Pass::Normal) };
        breaker.admit(now).map_err(|retry_after| {
            self.counters.refused.add();
            SendError::Open { retry_after }
        })
    }

    pub(crate) fn record(&self, pass: Pass, is_good: bool, now: Instant) {
        let Some(breaker) = &self.breaker else { return };
        if breaker.record(pass, is_good, now) {
            tracing::warn!(cluster = self.spec.name, "the breaker has opened: too many requests failed");
        }
    }

    pub(crate) fn release(&self, pass: Pass) {
        if let Some(breaker) = &self.breaker {
            breaker.release(pass, Instant::now());
        }
    }

    /// A target failed a request: it may be one too many.
    pub(crate) fn note_failure(&self, target: &Target, now: Instant) {
        self.counters.failures.add();
        let Some(spec) = &self.spec.passive else { return };
        if !target.standing.fail(spec, now) {
            return;
        }
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let targets = self.targets.load();
        let ejected = targets.iter().filter(|target| target.standing.is_ejected(now)).count();
        if target.standing.is_ejected(now) || !may_eject(ejected, targets.len(), spec.max_ejected) {
            return;
        }
        // Longer by up to a tenth, so that targets ejected together do not come back together.
        let jitter = |time: std::time::Duration| time.mul_f64(1.0 + 0.1 * self.dice.unit());
        let time = target.standing.eject(spec, now, jitter);
        self.counters.ejections.add();
        tracing::warn!(
            cluster = self.spec.name, target = %target.origin, seconds = time.as_secs(),
            "a target is left out for a while: it failed too many requests in a row"
        );
    }
}
