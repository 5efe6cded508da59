//! The trace of a request at the edge: its span, those of what goes on to upstreams, and what is told them of it.
//!
//! The attributes are those of OpenTelemetry's semantic conventions for HTTP, as far as they are nobody's: no path, no query, no
//! address, no user agent.

use std::net::SocketAddr;

use axum::response::Response;
use denizen_kit::trace::{Kind, Span, TraceContext, Tracer};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::client;
use super::locate::Place;
use super::request::{self, TRACEPARENT, TRACESTATE};
use crate::faces::failure::Failure;
use crate::state::App;

/// Methods that a span is called by. Any other would be a name of the client's choosing.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];

/// What goes on to upstreams of the trace of a request.
#[derive(Debug)]
pub(super) struct Onward {
    tracer: Tracer,
    /// The span of the request itself.
    within: Option<TraceContext>,
    /// The `traceparent` as it came, where nothing is made here.
    came: Option<HeaderValue>,
}

// === impl Onward ===

impl Onward {
    pub(super) fn new(tracer: &Tracer, within: Option<TraceContext>, headers: &HeaderMap) -> Self {
        let came = within.filter(|_| !tracer.is_on()).and_then(|_| headers.get(TRACEPARENT).cloned());
        Self { tracer: tracer.clone(), within, came }
    }

    /// Begins to ask an upstream: the span of that, where it is recorded, and the `traceparent` that the upstream gets.
    pub(super) fn begin(&self, method: &Method, upstream: &str) -> (Option<Span>, Option<HeaderValue>) {
        if !self.tracer.is_on() {
            return (None, self.came.clone());
        }
        let mut span = self.tracer.child(Kind::Client, self.within);
        if let Some(span) = &mut span {
            name(span, method, None);
            span.set("server.address", upstream.to_owned());
        }
        let context = span.as_ref().map(Span::context).or(self.within);
        (span, context.and_then(|context| HeaderValue::try_from(context.to_string()).ok()))
    }
}

/// Where a request is in its trace, and its span if that is recorded. The flag of a trace is believed from trusted proxies:
/// from anybody it would let them choose how much is recorded.
pub(super) fn enter(
    app: &App,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> (Option<TraceContext>, Option<Span>) {
    let trusted = &app.config.trusted_proxies;
    let is_believed = || peer.is_some_and(|peer| client::is_trusted(peer.ip().to_canonical(), trusted));
    app.tracer.enter(request::trace(headers), app.tracer.is_on() && is_believed())
}

/// Ends the span of a request with its answer. Only what the gateway could not do is an error.
pub(super) fn end(
    mut span: Span,
    (method, place): (&Method, &Place<'_>),
    status: StatusCode,
    (is_secure, request_id): (bool, &str),
) {
    if place.is_probe() {
        span.forget();
        return;
    }
    name(&mut span, method, place.template());
    span.set("url.scheme", if is_secure { "https" } else { "http" });
    span.set("denizen.request_id", request_id.to_owned());
    answer(&mut span, status, status.is_server_error());
}

/// Ends the span of a request to an upstream, and gives the answer back. To who asked, a refusal is an error too.
pub(super) fn end_asking(
    span: Option<Span>,
    answered: Result<Response, Failure>,
) -> Result<Response, Failure> {
    let Some(mut span) = span else { return answered };
    match &answered {
        Ok(response) => {
            let status = response.status();
            answer(&mut span, status, status.is_client_error() || status.is_server_error());
        }
        Err(failure) => {
            span.set("error.type", failure.code().as_str());
            span.fail();
        }
    }
    answered
}

/// Takes off a `tracestate` that came without its trace: an upstream would take it for one of the trace that begins here.
pub(super) fn drop_stray_state(tracer: &Tracer, headers: &mut HeaderMap) {
    if tracer.is_on() && request::trace(headers).is_none() {
        headers.remove(TRACESTATE);
    }
}

fn name(span: &mut Span, method: &Method, template: Option<&str>) {
    let known = METHODS.into_iter().find(|known| *known == method.as_str());
    let short = known.unwrap_or("HTTP");
    match template {
        Some(template) => {
            span.name(format!("{short} {template}"));
            span.set("http.route", template.to_owned());
        }
        None => span.name(short),
    }
    span.set("http.request.method", known.unwrap_or("_OTHER"));
}

fn answer(span: &mut Span, status: StatusCode, is_error: bool) {
    span.set("http.response.status_code", status.as_u16());
    if is_error {
        span.set("error.type", status.as_str().to_owned());
        span.fail();
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::problem::{Code, Problem};
    use denizen_kit::time::Clock;
    use denizen_kit::trace::{Record, Value};
    use http::HeaderName;

    use super::*;
    use crate::edge::table::Table;

    const CAME: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn said<'a>(record: &'a Record, key: &str) -> Option<&'a Value> {
        record.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// The record of a request that was answered so, if there is one.
    fn ended(method: &Method, path: &str, status: u16) -> Option<Record> {
        let (tracer, records) = Tracer::new("1".parse().unwrap(), Clock::System);
        let paths = ["/api/v1/users/{id}", "/health/live"].map(|path| (path.to_owned(), vec![Method::GET]));
        let table = Table::new(&paths);
        let place = Place::Own(table.find(path, method));
        let (_, span) = tracer.enter(None, true);
        end(span.unwrap(), (method, &place), StatusCode::from_u16(status).unwrap(), (true, "r-1"));
        records.take().pop()
    }

    #[test]
    fn a_request_is_called_by_its_template_and_never_by_its_path() {
        let record = ended(&Method::GET, "/api/v1/users/ada", 404).unwrap();
        assert_eq!(record.name, "GET /api/v1/users/{id}");
        let expected: [(&str, Value); 5] = [
            ("http.route", "/api/v1/users/{id}".into()),
            ("http.request.method", "GET".into()),
            ("url.scheme", "https".into()),
            ("denizen.request_id", "r-1".into()),
            ("http.response.status_code", 404_u16.into()),
        ];
        assert_eq!(record.attributes, expected);
        assert!(!record.is_error, "it is the client's");
        let failed = ended(&Method::GET, "/api/v1/users/ada", 503).unwrap();
        assert_eq!((failed.is_error, said(&failed, "error.type")), (true, Some(&"503".into())));
    }

    #[test]
    fn what_a_client_made_up_is_no_name_and_probes_are_not_recorded() {
        let made_up = Method::from_bytes(b"ADA-LOVELACE").unwrap();
        let record = ended(&made_up, "/ada", 404).unwrap();
        assert_eq!(record.name, "HTTP");
        assert_eq!(said(&record, "http.request.method"), Some(&"_OTHER".into()));
        assert_eq!(said(&record, "http.route"), None);
        assert!(ended(&Method::GET, "/health/live", 200).is_none());
    }

    #[test]
    fn an_upstream_is_told_the_present_span() {
        let (tracer, records) = Tracer::new("1".parse().unwrap(), Clock::System);
        let came = TraceContext::parse(CAME);
        let (span, told) = Onward::new(&tracer, came, &HeaderMap::new()).begin(&Method::POST, "shop");
        let context = span.as_ref().unwrap().context();
        assert_eq!(told.unwrap().to_str().unwrap(), context.to_string());
        assert_eq!(context.trace_id(), came.unwrap().trace_id());
        let missing = http::Response::builder().status(404).body(axum::body::Body::empty()).unwrap();
        assert!(end_asking(span, Ok(missing)).is_ok());
        let (span, _) = Onward::new(&tracer, came, &HeaderMap::new()).begin(&Method::POST, "shop");
        assert!(end_asking(span, Err(Failure::from(Problem::of(Code::Timeout)))).is_err());
        let recorded = records.take();
        let [refused, late] = <[Record; 2]>::try_from(recorded).unwrap();
        assert_eq!((refused.kind, &*refused.name, refused.is_error), (Kind::Client, "POST", true));
        assert_eq!(refused.parent, came.map(TraceContext::span_id));
        assert_eq!(said(&refused, "server.address"), Some(&"shop".into()));
        assert_eq!((late.is_error, said(&late, "error.type")), (true, Some(&"timeout".into())));
    }

    #[test]
    fn what_is_not_recorded_goes_on_too() {
        let (tracer, _records) = Tracer::new("0".parse().unwrap(), Clock::System);
        let within = TraceContext::parse(&CAME.replace("-01", "-00"));
        let (span, told) = Onward::new(&tracer, within, &HeaderMap::new()).begin(&Method::GET, "shop");
        assert!(span.is_none() && told.unwrap() == within.unwrap().to_string());
        let came = headers(&[(TRACEPARENT, "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more")]);
        let onward = Onward::new(&Tracer::off(), request::trace(&came), &came);
        let (span, told) = onward.begin(&Method::GET, "shop");
        assert!(span.is_none() && told.as_ref() == came.get(TRACEPARENT), "as it came");
        let stray = headers(&[(TRACEPARENT, "mine")]);
        let onward = Onward::new(&Tracer::off(), request::trace(&stray), &stray);
        assert!(onward.begin(&Method::GET, "shop").1.is_none());
    }

    #[test]
    fn a_state_goes_with_its_trace_only() {
        let (tracer, _records) = Tracer::new("0".parse().unwrap(), Clock::System);
        let state = (TRACESTATE, "vendor=1");
        let mut with_trace = headers(&[(TRACEPARENT, CAME), state.clone()]);
        drop_stray_state(&tracer, &mut with_trace);
        assert!(with_trace.contains_key(TRACESTATE));
        for traceparent in ["mine", ""] {
            let mut stray = headers(&[(TRACEPARENT, traceparent), state.clone()]);
            drop_stray_state(&tracer, &mut stray);
            assert!(!stray.contains_key(TRACESTATE), "{traceparent:?}");
        }
    }
}
