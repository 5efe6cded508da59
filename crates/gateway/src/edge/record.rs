//! What is written down of a request: it is counted, and is a line of the access log.

use std::time::Duration;

use denizen_kit::telemetry;
use denizen_kit::trace::TraceContext;
use http::Method;

use super::locate::Place;
use super::log::AccessLogFormat;
use super::table::Found;
use super::{Arrival, Inner};

// === impl Inner ===

impl Inner {
    /// Counts the request and writes its line. The line has no query and nothing of a person.
    pub(super) fn record(
        &self,
        method: &Method,
        place: &Place<'_>,
        status: u16,
        (arrival, took): (&Arrival, Duration),
    ) {
        let (route, stats) = match place {
            Place::Own(Found::Endpoint(route, endpoint)) => (route.template.as_str(), &endpoint.stats),
            Place::Own(Found::Method(route)) => (route.template.as_str(), &self.table.unmatched),
            Place::Routed(rule, _) => (rule.spec.name.as_str(), &rule.stats),
            _ => ("none", &self.table.unmatched),
        };
        stats.record(status, took);
        let config = &self.app.config;
        if config.access_log && config.access_log_format == AccessLogFormat::Json && !place.is_probe() {
            let request = telemetry::Request {
                at: self.app.clock.now(),
                method: method.as_str(),
                route,
                status,
                micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                request_id: &arrival.request_id,
                trace_id: arrival.trace.map(TraceContext::trace_id),
                is_observed: arrival.observed.is_noted(),
            };
            telemetry::log_request(&request);
        }
    }
}
