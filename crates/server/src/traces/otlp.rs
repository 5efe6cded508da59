//! The messages of OTLP, as far as this program says anything (opentelemetry-proto 1, `trace.proto` and what it names).
//! Numbers of enumerations are plain numbers here: the bytes are the same.

use denizen_kit::trace::{Kind, Record, Value};
use prost::{Message, Oneof};

/// `SPAN_KIND_SERVER`.
const SERVER: i32 = 2;

/// `SPAN_KIND_CLIENT`.
const CLIENT: i32 = 3;

/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;

/// Who sends.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_nanos: u64,
    #[prost(fixed64, tag = "8")]
    end_nanos: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Said", tags = "1, 3")]
    said: Option<Said>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Said {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

// === impl Resource ===

impl Resource {
    pub(super) fn new(name: &str, version: &str) -> Self {
        let text = |key, text: &str| attribute(key, Value::from(text.to_owned()));
        Self { attributes: vec![text("service.name", name), text("service.version", version)] }
    }

    /// The bytes of a request that hands these spans over.
    pub(super) fn encode(&self, records: Vec<Record>) -> Vec<u8> {
        let scope = Some(Scope { name: "denizen".to_owned() });
        let spans = records.into_iter().map(Span::from).collect();
        let resource_spans =
            ResourceSpans { resource: Some(self.clone()), scope_spans: vec![ScopeSpans { scope, spans }] };
        ExportRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
    }
}

impl From<Record> for Span {
    fn from(record: Record) -> Self {
        let start_nanos = u64::try_from(record.began.as_nanosecond()).unwrap_or(0);
        let took = u64::try_from(record.took.as_nanos()).unwrap_or(u64::MAX);
        Self {
            trace_id: record.context.trace_id().get().to_be_bytes().to_vec(),
            id: record.context.span_id().get().to_be_bytes().to_vec(),
            parent_id: record.parent.map(|id| id.get().to_be_bytes().to_vec()).unwrap_or_default(),
            name: record.name.into_owned(),
            kind: match record.kind {
                Kind::Server => SERVER,
                Kind::Client => CLIENT,
            },
            start_nanos,
            end_nanos: start_nanos.saturating_add(took),
            attributes: record.attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
            status: record.is_error.then_some(Status { code: ERROR }),
            flags: record.context.flags().into(),
        }
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let said = match value {
        Value::Text(text) => Said::Text(text.into_owned()),
        Value::Number(number) => Said::Number(number),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { said: Some(said) }) }
}
