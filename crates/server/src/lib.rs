#![doc = include_str!("../README.md")]

mod audit;
pub mod cli;
pub mod config;
mod event_log;
mod first_admin;
pub mod generate;
mod health;
mod importing;
mod internal;
mod keyring;
mod keys;
mod link_listener;
mod master_key;
pub mod node;
mod parts;
mod peers;
mod references;
pub mod roles;
mod signing_keys;
mod traces;
mod transfer;
mod welcome;

/// Upper ends of the buckets of durations, in seconds: from a cached read to a call's deadline.
const BUCKETS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

/// What renders the metrics of this process. Several nodes of one process share the first one's.
pub(crate) fn metrics_recorder() -> metrics_exporter_prometheus::PrometheusHandle {
    let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
    // Buckets can be summed over nodes; the summaries that the exporter makes by itself cannot.
    let builder = builder
        .set_buckets(&BUCKETS)
        .unwrap_or_else(|_| metrics_exporter_prometheus::PrometheusBuilder::new());
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    handle
}
