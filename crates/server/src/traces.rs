//! Sends the spans of this process to a collector: OTLP over HTTP, in batches, beside all requests. What the collector does
//! not take is dropped and counted; nobody waits for it.

use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{Request, Uri};
use denizen_kit::config::Settings;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_kit::trace::{Record, Records, Share, Tracer, count_dropped};
use denizen_upstream::http::{Ask, Body, Cluster, ClusterSpec, Protocol};
use tokio::time::{Instant, sleep};

use crate::roles::Roles;
use otlp::Resource;

mod otlp;

/// How long spans wait for others at most.
const AGE: Duration = Duration::from_secs(5);

/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the last spans may take when the node stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a collector is told of who sends.
const SELF: &str = concat!("denizen/", env!("CARGO_PKG_VERSION"));

/// Settings of traces.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where spans go; without it there are none.
    pub collector: Option<Collector>,
    /// How many of the traces that begin here are recorded.
    pub share: Share,
}

/// Where a collector is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Scheme, host and port.
    origin: String,
    /// The path of its traces.
    path: Uri,
}

/// The spans of a node on their way.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) tracer: Tracer,
    tasks: Tasks,
}

struct Exporter {
    records: Records,
    cluster: Cluster,
    path: Uri,
    resource: Resource,
    /// Whether the last batch was lost.
    fails: bool,
}

// === impl Config ===

impl Config {
    /// Reads the settings.
    pub(crate) fn read(s: &mut Settings) -> Self {
        Self {
            collector: s.parse(
                "telemetry.otlp_url",
                "",
                "Where traces go, by OTLP over HTTP, such as http://collector:4318; unset for nowhere",
                Collector::parse,
            ),
            share: s.value(
                "telemetry.sample",
                "0.1",
                "The share of traces that is recorded, from 0 to 1; of a trace that a client began, its own flag says it",
            ),
        }
    }
}

// === impl Collector ===

impl Collector {
    /// Reads the address; `/v1/traces` is added to its path (OTLP specification, "OTLP/HTTP Request").
    fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || "write scheme, host and port, such as http://collector:4318".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong());
        };
        if uri.query().is_some() {
            return Err(wrong());
        }
        let path = format!("{}/v1/traces", uri.path().trim_end_matches('/'));
        let path: Uri = path.parse().map_err(|_| wrong())?;
        Ok(Some(Self { origin: format!("{scheme}://{authority}"), path }))
    }
}

// === impl Traces ===

impl Traces {
    /// Starts to send where the settings say where to; else nothing is recorded.
    pub(crate) fn start(config: &Config, roles: &Roles, clock: &Clock) -> anyhow::Result<Self> {
        let Some(collector) = &config.collector else { return Ok(Self::off()) };
        let tasks = Tasks::new();
        // Each batch is one request and the next waits for its answer: HTTP/2 would only be a connection that ends with
        // the other tasks, before the last batch.
        let spec = ClusterSpec { protocol: Protocol::Http1, ..ClusterSpec::new("traces") };
        let cluster = Cluster::start(spec.with_target(&collector.origin), &tasks);
        let (tracer, records) = Tracer::new(config.share, clock.clone());
        let exporter = Exporter {
            records,
            cluster: cluster.context("telemetry.otlp_url")?,
            path: collector.path.clone(),
            resource: Resource::new(&service_name(roles), env!("CARGO_PKG_VERSION")),
            fails: false,
        };
        let watch = tasks.clone();
        tasks.spawn("traces", async move {
            tokio::select! {
                () = exporter.run(&watch) => {}
                () = async { watch.stopping().await; sleep(FAREWELL).await } => {}
            }
        });
        Ok(Self { tracer, tasks })
    }

    /// Nothing is recorded.
    pub(crate) fn off() -> Self {
        Self { tracer: Tracer::off(), tasks: Tasks::new() }
    }

    /// Sends what is left, if the collector takes it soon.
    pub(crate) async fn stop(&self) {
        self.tasks.stop().await;
    }
}

/// What a process is called in traces: after its only role, or as the whole.
fn service_name(roles: &Roles) -> String {
    let mut names = roles.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => format!("denizen-{only}"),
        _ => "denizen".to_owned(),
    }
}

// === impl Exporter ===

impl Exporter {
    async fn run(mut self, tasks: &Tasks) {
        loop {
            let batch = tokio::select! {
                batch = self.records.batch(AGE) => batch,
                () = tasks.stopping() => self.records.take(),
            };
            if !batch.is_empty() {
                self.send(batch).await;
            } else if tasks.is_stopping() {
                return;
            }
        }
    }

    /// Sends one batch. It is told once that the collector is away, and once that it is back.
    async fn send(&mut self, batch: Vec<Record>) {
        let count = batch.len();
        match self.try_send(batch).await {
            Ok(()) if self.fails => {
                self.fails = false;
                tracing::info!("traces are sent again");
            }
            Ok(()) => {}
            Err(error) => {
                count_dropped(count);
                if !self.fails {
                    self.fails = true;
                    tracing::warn!(
                        error,
                        "traces cannot be sent; they are dropped until the collector takes them"
                    );
                }
            }
        }
    }

    async fn try_send(&self, batch: Vec<Record>) -> Result<(), String> {
        let request = Request::post(self.path.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, SELF)
            .body(Body::from(Bytes::from(self.resource.encode(batch))))
            .map_err(|error| error.to_string())?;
        // A span that comes twice is one: a batch whose connection broke may be sent again.
        let ask = Ask { deadline: Some(Instant::now() + PATIENCE), idempotent: true, ..Ask::default() };
        let response = self.cluster.send(request, &ask).await.map_err(|error| error.to_string())?;
        if response.status().is_success() { Ok(()) } else { Err(format!("status {}", response.status())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_to_which_the_path_is_added() {
        assert_eq!(Collector::parse("").unwrap(), None);
        for (text, origin, path) in [
            ("http://collector:4318", "http://collector:4318", "/v1/traces"),
            ("https://a.example/otlp/", "https://a.example", "/otlp/v1/traces"),
        ] {
            let read = Collector::parse(text).unwrap().unwrap();
            assert_eq!((read.origin.as_str(), read.path.path()), (origin, path));
        }
        for bad in ["collector:4318", "grpc://a:4317", "/v1", "http://a?b=c", "http://"] {
            assert!(Collector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_process_is_called_after_its_only_role() {
        let name = |roles: &str| service_name(&roles.parse().unwrap());
        assert_eq!(name("all"), "denizen");
        assert_eq!(name("users,auth"), "denizen");
        assert_eq!(name("gateway"), "denizen-gateway");
    }
}
