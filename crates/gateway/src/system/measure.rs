//! What the gateway measures when its figures are read: upstreams and caches, as they are at that moment.

use denizen_upstream::http::{BreakerState, ClusterStatus, TargetState};

use super::names::Names;
use crate::state::App;

/// States of targets, as the metrics call them.
const STATES: [(TargetState, &str); 3] = [
    (TargetState::Healthy, "healthy"),
    (TargetState::Ejected, "ejected"),
    (TargetState::Unhealthy, "unhealthy"),
];

/// Of the upstreams that the metrics were told of last.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    all: Names,
    with_breaker: Names,
}

/// Measures all.
pub(super) fn measure(app: &App) {
    let statuses: Vec<ClusterStatus> =
        app.proxy.rules().upstreams.values().map(|upstream| upstream.cluster.status()).collect();
    app.measured.upstreams(&statuses);
    let kept = app.kept.status();
    measure_cache("responses", kept.entries, (kept.bytes, kept.capacity));
    if let Some((entries, bytes)) = app.own_accounts.size() {
        measure_cache("own_accounts", entries, bytes);
    }
}

/// Tells how much is in a cache: entries, and the bytes that they take and may take.
fn measure_cache(cache: &'static str, entries: usize, (bytes, capacity): (u64, u64)) {
    metrics::gauge!("denizen_cache_entries", "cache" => cache).set(float(entries as u64));
    metrics::gauge!("denizen_cache_bytes", "cache" => cache).set(float(bytes));
    metrics::gauge!("denizen_cache_capacity_bytes", "cache" => cache).set(float(capacity));
}

// === impl Measured ===

impl Measured {
    fn upstreams(&self, statuses: &[ClusterStatus]) {
        let targets = |name: &str, state: &'static str| metrics::gauge!("denizen_upstream_targets", "upstream" => name.to_owned(), "state" => state);
        let breaker =
            |name: &str| metrics::gauge!("denizen_upstream_breaker_state", "upstream" => name.to_owned());
        for status in statuses {
            for (state, word) in STATES {
                let count = status.targets.iter().filter(|target| target.state == state).count();
                targets(&status.name, word).set(float(count as u64));
            }
            if let Some(found) = &status.breaker {
                breaker(&status.name).set(match found.state {
                    BreakerState::Closed => 0.0,
                    BreakerState::HalfOpen => 1.0,
                    BreakerState::Open => 2.0,
                });
            }
        }
        let name = |status: &ClusterStatus| status.name.clone();
        for gone in self.all.replace(statuses.iter().map(name).collect()) {
            for (_, word) in STATES {
                targets(&gone, word).set(f64::NAN);
            }
        }
        let with_breaker = statuses.iter().filter(|status| status.breaker.is_some());
        for gone in self.with_breaker.replace(with_breaker.map(name).collect()) {
            breaker(&gone).set(f64::NAN);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^52")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use denizen_kit::task::Tasks;
    use denizen_upstream::http::{Ask, Body, BreakerSpec, Cluster, ClusterSpec, SendError};
    use http::Request;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    fn spec(name: &str) -> ClusterSpec {
        ClusterSpec::new(name).with_target("http://127.0.0.1:9").with_target("http://127.0.0.2:9")
    }

    #[tokio::test]
    async fn upstreams_are_told_until_they_have_gone() {
        let tasks = Tasks::new();
        let breaker = Some(BreakerSpec { failures: 1, ..BreakerSpec::default() });
        let recorder = PrometheusBuilder::new().build_recorder();
        let (shop, plain) = metrics::with_local_recorder(&recorder, || {
            let shop = Cluster::start(ClusterSpec { breaker, ..spec("shop") }, &tasks).unwrap();
            (shop, Cluster::start(spec("plain"), &tasks).unwrap())
        });
        let measured = Measured::default();
        let shown = |clusters: &[&Cluster]| {
            let statuses: Vec<ClusterStatus> = clusters.iter().map(|cluster| cluster.status()).collect();
            metrics::with_local_recorder(&recorder, || measured.upstreams(&statuses));
            recorder.handle().render()
        };
        let text = shown(&[&shop, &plain]);
        for line in [
            "denizen_upstream_targets{upstream=\"shop\",state=\"healthy\"} 2",
            "denizen_upstream_targets{upstream=\"shop\",state=\"ejected\"} 0",
            "denizen_upstream_targets{upstream=\"plain\",state=\"healthy\"} 2",
            "denizen_upstream_breaker_state{upstream=\"shop\"} 0",
            "denizen_upstream_failures_total{upstream=\"shop\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("breaker_state{upstream=\"plain\"}"), "it has none: {text}");

        // Nobody listens there: that is a failure, and the second request is refused.
        let ask = Ask { retries: 0, ..Ask::default() };
        let sent = shop.send(Request::new(Body::empty()), &ask).await;
        assert!(sent.is_err(), "{sent:?}");
        let refused = shop.send(Request::new(Body::empty()), &ask).await;
        assert!(matches!(refused, Err(SendError::Open { .. })), "{refused:?}");
        let text = shown(&[&shop]);
        for line in [
            "denizen_upstream_breaker_state{upstream=\"shop\"} 2",
            "denizen_upstream_requests_total{upstream=\"shop\"} 2",
            "denizen_upstream_refused_total{upstream=\"shop\"} 1",
            "denizen_upstream_targets{upstream=\"plain\",state=\"healthy\"} NaN",
            "denizen_upstream_targets{upstream=\"plain\",state=\"unhealthy\"} NaN",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let text = shown(&[&plain]);
        assert!(text.contains("denizen_upstream_breaker_state{upstream=\"shop\"} NaN\n"), "{text}");
        assert!(
            text.contains("denizen_upstream_targets{upstream=\"plain\",state=\"healthy\"} 2\n"),
            "{text}"
        );
        tasks.stop().await;
    }
}
