//! What is written down of a request: it is counted, and is a line of the access log.

use std::net::SocketAddr;
use std::time::Duration;

use denizen_kit::telemetry;
use denizen_kit::trace::TraceContext;
use http::{HeaderMap, Method, StatusCode};

use super::locate::Place;
use super::log::{self, AccessLogFormat};
use super::table::Found;
use super::{Arrival, Edge, Inner, client, limits};

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

// === impl Edge ===

impl Edge {
    /// Writes down a request that was none: the server below the door could not read it, has answered it by itself and
    /// ends the connection. It counts as others do, so that garbage is not free.
    pub(crate) fn note_unreadable(&self, peer: SocketAddr, status: StatusCode) {
        let (inner, status) = (&*self.0, status.as_u16());
        let (app, config) = (&inner.app, &inner.app.config);
        let ip = client::client_ip(Some(peer), &HeaderMap::new(), &config.trusted_proxies);
        // There is nothing left to refuse.
        let _ = limits::check_request(app, ip);
        inner.table.unmatched.count(status);
        if !config.access_log {
            return;
        }
        let at = app.clock.now();
        if config.access_log_format == AccessLogFormat::Combined {
            return telemetry::log_line(&log::unreadable(at, ip, status));
        }
        let (method, route, request_id) = ("-", "none", "-");
        let request = telemetry::Request {
            at,
            method,
            route,
            status,
            micros: 0,
            request_id,
            trace_id: None,
            is_observed: false,
        };
        telemetry::log_request(&request);
    }
}
