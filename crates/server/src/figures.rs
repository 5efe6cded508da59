//! What is measured in this process, as Prometheus reads it: the recorder with its buckets, what each figure is, and the
//! process itself.

mod process;
mod table;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use denizen_gateway::Metrics;
use metrics::{Recorder, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;

pub use table::{FIGURES, Figure, Kind};

/// Upper ends of the buckets of durations, in seconds: from a cached read to a call's deadline.
const SECONDS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Upper ends of the buckets of what is counted and not timed: of operations that share a commit.
const COUNTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// The one histogram that is no duration.
const COUNTED: &str = "denizen_db_commit_operations";

/// How often the samples of histograms are folded, whether or not somebody reads them.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// All that is measured in this process. Several nodes of one process share it.
#[derive(Clone, Debug)]
pub(crate) struct Figures(PrometheusHandle);

// === impl Figures ===

impl Figures {
    /// Those of this process. From the first call on, what is counted is kept.
    pub(crate) fn of_process() -> Self {
        static OF_PROCESS: OnceLock<Figures> = OnceLock::new();
        OF_PROCESS.get_or_init(Self::install).clone()
    }

    fn install() -> Self {
        // Buckets can be summed over nodes; the summaries that the exporter makes by itself cannot.
        let recorder = builder().unwrap_or_default().build_recorder();
        for figure in FIGURES {
            figure.describe(&recorder);
        }
        let figures = Self(recorder.handle());
        // Whoever brought a recorder before keeps it.
        let _ = metrics::set_global_recorder(recorder);
        figures
    }

    /// Shows them in Prometheus' text format, as they are when it is called.
    pub(crate) fn shown(&self) -> Metrics {
        let figures = self.clone();
        Arc::new(move || {
            process::measure();
            figures.0.render()
        })
    }

    /// Folds samples, for ever: nobody else does while nobody reads them.
    pub(crate) async fn tidy(self) {
        loop {
            sleep(TIDY_EVERY).await;
            self.0.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS)?;
    builder.set_buckets_for_metric(Matcher::Full(COUNTED.to_owned()), &COUNTS)
}

// === impl Figure ===

impl Figure {
    /// Gives a recorder its help and its unit.
    fn describe(&self, recorder: &impl Recorder) {
        let (name, unit, help) = (self.name.into(), Some(self.unit()), self.help.into());
        match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram => recorder.describe_histogram(name, unit, help),
        }
    }

    fn unit(&self) -> Unit {
        match self.unit {
            "seconds" | "Unix time" => Unit::Seconds,
            "bytes" => Unit::Bytes,
            _ => Unit::Count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_buckets_of_their_own_and_help_is_shown() {
        let recorder = builder().unwrap().build_recorder();
        for figure in FIGURES {
            figure.describe(&recorder);
        }
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("denizen_db_commit_operations", "service" => "test", "engine" => "test")
                .record(3.0);
            metrics::histogram!("denizen_operation_seconds", "method" => "/test").record(3.0);
        });
        let text = recorder.handle().render();
        for line in [
            "# HELP denizen_db_commit_operations Operations that one commit made durable",
            "denizen_db_commit_operations_bucket{service=\"test\",engine=\"test\",le=\"2\"} 0",
            "denizen_db_commit_operations_bucket{service=\"test\",engine=\"test\",le=\"4\"} 1",
            "denizen_operation_seconds_bucket{method=\"/test\",le=\"1\"} 0",
            "denizen_operation_seconds_bucket{method=\"/test\",le=\"10\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
