//! Spans of calls, by OpenTelemetry's semantic conventions for gRPC: on both sides of a link, the same within a process and
//! between two.

use denizen_kit::trace::{Kind, Span, TraceContext, Tracer};
use http::HeaderMap;

use crate::method::Method;

/// Statuses that are the service's own fault: UNKNOWN, `DEADLINE_EXCEEDED`, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, `DATA_LOSS`.
const FAULTS: [i32; 6] = [2, 4, 12, 13, 14, 15];

/// The span of one side of a call, where its trace is recorded.
pub(crate) fn begin(
    tracer: &Tracer,
    kind: Kind,
    (parent, request_id): (Option<TraceContext>, &str),
    path: &str,
) -> Option<Span> {
    let mut span = tracer.child(kind, parent)?;
    let name = Method::of(path).map_or("unknown", |method| method.path.trim_start_matches('/'));
    let (service, method) = name.split_once('/').unwrap_or((name, ""));
    span.name(name);
    span.set("rpc.system", "grpc");
    span.set("rpc.service", service);
    span.set("rpc.method", method);
    span.set("denizen.request_id", request_id.to_owned());
    Some(span)
}

/// Ends the span with the status of the answer. To who asked any but OK is an error; to who answered, what the service
/// could not do.
pub(crate) fn end(mut span: Span, kind: Kind, code: i32) {
    span.set("rpc.grpc.status_code", code);
    let is_error = match kind {
        Kind::Client => code != 0,
        Kind::Server => FAULTS.contains(&code),
    };
    if is_error {
        span.fail();
    }
}

/// The status of an answer as its head tells it. Where a message follows, it is told after that: then it is OK, for a
/// service of ours has failed before or not at all.
pub(crate) fn code(headers: &HeaderMap) -> i32 {
    headers.get("grpc-status").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
