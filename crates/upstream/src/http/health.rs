//! Active health checks: each target is asked again and again whether it is well.
//!
//! Health belongs to the cluster, not to the routes that lead to it, so a target is asked once however many routes there
//! are. Each check makes a connection of its own: one that hangs can hide behind an old connection.

use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request};
use tokio::time::{Instant, sleep, timeout};

use super::body::Outgoing;
use super::exchange;
use super::inner::Inner;
use super::spec::HealthSpec;
use super::target::Target;

/// Asks one target.
pub(crate) struct Checker {
    inner: Arc<Inner>,
    target: Arc<Target>,
    spec: HealthSpec,
    good: u32,
    bad: u32,
}

// === impl Checker ===

impl Checker {
    pub(crate) fn new(inner: Arc<Inner>, target: Arc<Target>, spec: HealthSpec) -> Self {
        Self { inner, target, spec, good: 0, bad: 0 }
    }

    /// Asks until the target has gone.
    pub(crate) async fn run(mut self) {
        let gone = self.target.gone().clone();
        gone.run_until_cancelled(async move {
            loop {
                let started = Instant::now();
                let found = self.ask().await;
                self.note(found);
                let interval = self.inner.dice.jitter(self.spec.interval);
                sleep(interval.saturating_sub(started.elapsed()).max(Duration::from_millis(1))).await;
            }
        })
        .await;
    }

    /// What is wrong; nothing when it is well.
    async fn ask(&self) -> Result<(), String> {
        match timeout(self.spec.timeout, self.request()).await {
            Ok(answered) => answered,
            Err(_late) => Err("it did not answer in time".to_owned()),
        }
    }

    async fn request(&self) -> Result<(), String> {
        let mut request = Request::new(Outgoing::Whole(bytes::Bytes::new()));
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.spec.path.parse().map_err(|error| format!("bad path: {error}"))?;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("denizen-health"));
        let origin = &self.target.origin;
        let way = self.inner.connector.connect(origin, false).await.map_err(|error| error.to_string())?;
        let status = exchange::status(way, &self.target, request).await.map_err(|error| error.to_string())?;
        if self.spec.expect.iter().any(|range| range.contains(&status.as_u16())) {
            return Ok(());
        }
        Err(format!("it answered {}", status.as_u16()))
    }

    fn note(&mut self, found: Result<(), String>) {
        let standing = &self.target.standing;
        match found {
            Ok(()) => {
                self.bad = 0;
                self.good = self.good.saturating_add(1);
                if standing.is_unhealthy() && self.good >= self.spec.healthy_after {
                    standing.set_unhealthy(false);
                    tracing::info!(cluster = self.inner.spec.name, target = %self.target.origin, "a target is well again");
                }
            }
            Err(reason) => {
                self.good = 0;
                self.bad = self.bad.saturating_add(1);
                if !standing.is_unhealthy() && self.bad >= self.spec.unhealthy_after {
                    standing.set_unhealthy(true);
                    self.target.pool.clear();
                    tracing::warn!(cluster = self.inner.spec.name, target = %self.target.origin, reason, "a target is not well");
                }
            }
        }
    }
}
