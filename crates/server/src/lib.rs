#![doc = include_str!("../README.md")]

pub mod cli;
pub mod config;
mod event_log;
mod first_admin;
pub mod generate;
mod health;
mod internal;
mod master_key;
pub mod node;
mod parts;
pub mod roles;
mod welcome;

/// What renders the metrics of this process. Several nodes of one process share the first one's.
pub(crate) fn metrics_recorder() -> metrics_exporter_prometheus::PrometheusHandle {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    handle
}
