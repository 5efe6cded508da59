//! Traces through every hop, as a collector gets them: one tree, and nothing of a person in it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Said;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use prost::Message as _;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const EMAIL: &str = "ada@example.test";
const AGENT: &str = "lovelace-browser/1.0";

/// Keeps what it is sent.
struct Collector {
    url: String,
    got: Arc<Mutex<Vec<Bytes>>>,
}

/// A span, and what the process is called that sent it.
struct Seen {
    process: String,
    span: Span,
}

// === impl Collector ===

impl Collector {
    async fn open() -> Self {
        let got: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let kept = got.clone();
        let keep = move |body: Bytes| {
            kept.lock().unwrap().push(body);
            std::future::ready(StatusCode::OK)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/otlp/", listener.local_addr().unwrap());
        let router = Router::new().route("/otlp/v1/traces", post(keep));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }

    fn options(&self, share: &str) -> Options {
        let settings = vec![("telemetry.otlp_url", self.url.clone()), ("telemetry.sample", share.to_owned())];
        Options { settings, clock: None }
    }

    fn spans(&self) -> Vec<Seen> {
        let mut all = Vec::new();
        for bytes in self.got.lock().unwrap().iter() {
            let request = ExportTraceServiceRequest::decode(bytes.clone()).unwrap();
            for of_process in request.resource_spans {
                let process = said(&of_process.resource.unwrap().attributes, "service.name");
                let spans = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
                all.extend(spans.map(|span| Seen { process: process.clone(), span }));
            }
        }
        all
    }

    /// Whether these bytes are anywhere in what was sent.
    fn has(&self, needle: &[u8]) -> bool {
        self.got.lock().unwrap().iter().any(|bytes| memchr::memmem::find(bytes, needle).is_some())
    }
}

// === impl Seen ===

impl Seen {
    fn said(&self, key: &str) -> String {
        said(&self.span.attributes, key)
    }

    fn failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|it| it.code() == status::StatusCode::Error)
    }
}

/// What an attribute says, or empty.
fn said(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key);
    match value.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Said::StringValue(text)) => text,
        Some(Said::IntValue(number)) => number.to_string(),
        other => other.map(|other| format!("{other:?}")).unwrap_or_default(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The only span of this name and kind.
fn only<'a>(spans: &'a [Seen], kind: SpanKind, name: &str) -> &'a Seen {
    let found: Vec<&Seen> =
        spans.iter().filter(|seen| seen.span.kind() == kind && seen.span.name == name).collect();
    let names: Vec<&str> = spans.iter().map(|seen| seen.span.name.as_str()).collect();
    assert_eq!(found.len(), 1, "{kind:?} {name} among {names:?}");
    found[0]
}

/// A request of a client that is in a trace of its own.
async fn send(client: &Client, method: Method, path: &str, body: Option<Value>) -> Value {
    let trace = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", trace.as_str()), ("x-request-id", "request-7"), ("user-agent", AGENT)];
    let answer = client.send(method, path, body, &headers).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    answer.body
}

/// Asserts that the gateway's span has this call below it, and the call its op.
fn assert_call(spans: &[Seen], above: &Seen, method: &str) {
    let asked = only(spans, SpanKind::Client, method);
    let done = only(spans, SpanKind::Server, method);
    assert_eq!(asked.span.parent_span_id, above.span.span_id, "{method}");
    assert_eq!(done.span.parent_span_id, asked.span.span_id, "{method}");
    let (service, name) = method.split_once('/').unwrap();
    for seen in [asked, done] {
        assert_eq!((seen.said("rpc.system").as_str(), seen.said("rpc.service").as_str()), ("grpc", service));
        assert_eq!(
            (seen.said("rpc.method").as_str(), seen.said("rpc.grpc.status_code").as_str()),
            (name, "0")
        );
        assert_eq!(seen.said("denizen.request_id"), "request-7");
        assert!(!seen.failed() && seen.span.end_time_unix_nano >= seen.span.start_time_unix_nano);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_through_every_hop_and_says_nothing_of_a_person() {
    for topology in [Topology::OneOnSqlite, Topology::SplitOnSqlite] {
        println!("--- {topology:?}");
        let collector = Collector::open().await;
        // None of the traces that begin here is recorded: what comes is of the client's own.
        // The flag that comes with the caller's trace is believed, so that nothing else is recorded.
        let mut options = collector.options("0");
        options.settings.push(("gateway.trusted_proxies", "127.0.0.1".to_owned()));
        let cluster = Cluster::with(topology, options).await;
        let client = cluster.client();
        let account = json!({ "name": "Ada Lovelace", "email": EMAIL, "password": PASSWORD });
        let user = send(&client, Method::POST, "/users", Some(account)).await;
        let (person, tokens) = client.login(EMAIL).await;
        let id = user["id"].as_str().unwrap();
        send(&person, Method::GET, &format!("/users/{id}"), None).await;
        cluster.stop().await;

        let spans = collector.spans();
        assert!(spans.iter().all(|seen| hex(&seen.span.trace_id) == TRACE), "one trace");
        let registered = only(&spans, SpanKind::Server, "POST /api/v1/users");
        assert_eq!(hex(&registered.span.parent_span_id), CALLER);
        for (key, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/api/v1/users"),
            ("http.response.status_code", "201"),
            ("url.scheme", "http"),
            ("denizen.request_id", "request-7"),
        ] {
            assert_eq!(registered.said(key), value, "{key}");
        }
        assert_call(&spans, registered, "denizen.users.v1.Users/Register");
        // From service to service: what an op asks is below the op.
        let op = only(&spans, SpanKind::Server, "denizen.users.v1.Users/Register");
        let below: Vec<&Seen> =
            spans.iter().filter(|seen| seen.span.parent_span_id == op.span.span_id).collect();
        assert!(!below.is_empty() && below.iter().all(|seen| seen.span.kind() == SpanKind::Client));
        let read = only(&spans, SpanKind::Server, "GET /api/v1/users/{id}");
        assert_eq!(hex(&read.span.parent_span_id), CALLER);
        assert_call(&spans, read, "denizen.users.v1.Users/GetUser");
        let names =
            if topology.is_split() { ("denizen-gateway", "denizen-users") } else { ("denizen", "denizen") };
        assert_eq!((registered.process.as_str(), op.process.as_str()), names);

        let session = tokens["session_id"].as_str().unwrap();
        let plain = [id.replace('-', ""), session.replace('-', "")];
        let personal = ["Lovelace", "ada@", "example.test", AGENT, PASSWORD, "127.0.0.1", id, session];
        for needle in personal.into_iter().chain(plain.iter().map(String::as_str)) {
            assert!(!collector.has(needle.as_bytes()), "{needle} is told to the collector");
        }
        for text in [id, session] {
            let bytes = text.parse::<uuid::Uuid>().unwrap();
            assert!(!collector.has(bytes.as_bytes()), "{text} is told to the collector");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_within_the_span_that_asks_it() {
    let tell = |request: Request| async move {
        let headers = request.headers().iter();
        let text = |value: &axum::http::HeaderValue| json!(String::from_utf8_lossy(value.as_bytes()));
        Json(headers.map(|(name, value)| (name.to_string(), text(value))).collect::<Map<_, _>>())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(tell)).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.toml");
    let routes = format!(
        "[[gateway.upstreams]]\nname = \"shop\"\ntargets = [{{ url = \"http://{address}\" }}]\n\
         [[gateway.routes]]\nname = \"orders\"\nmatch = {{ path = \"/shop/{{*rest}}\" }}\nupstream = \"shop\"\n\
         auth = \"none\"\n"
    );
    std::fs::write(&file, routes).unwrap();
    let collector = Collector::open().await;
    let mut options = collector.options("1");
    options.settings.push(("gateway.routes_file", file.to_string_lossy().into_owned()));
    let cluster = Cluster::with(Topology::OneOnSqlite, options).await;
    let client = cluster.client();
    let came = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", came.as_str()), ("tracestate", "vendor=1")];
    let within = client.send(Method::GET, "//shop/orders/4711", None, &headers).await.expect(200).body;
    let stray = [("traceparent", "mine"), ("tracestate", "vendor=1")];
    let begun = client.send(Method::GET, "//shop/orders/4711", None, &stray).await.expect(200).body;
    cluster.stop().await;

    let spans = collector.spans();
    let told = |body: &Value| body["traceparent"].as_str().unwrap().to_owned();
    let asked = |told: &str| {
        let found = spans.iter().find(|seen| told.contains(&hex(&seen.span.span_id))).unwrap();
        assert_eq!((found.span.kind(), found.said("server.address").as_str()), (SpanKind::Client, "shop"));
        assert_eq!(told, format!("00-{}-{}-01", hex(&found.span.trace_id), hex(&found.span.span_id)));
        let above = spans.iter().find(|seen| seen.span.span_id == found.span.parent_span_id).unwrap();
        assert_eq!(above.span.name, "GET /shop/{*rest}");
        above
    };
    assert!(told(&within).starts_with(&format!("00-{TRACE}-")));
    assert_eq!(hex(&asked(&told(&within)).span.parent_span_id), CALLER);
    assert_eq!(within["tracestate"], "vendor=1");
    assert!(!told(&begun).contains(TRACE));
    assert!(asked(&told(&begun)).span.parent_span_id.is_empty(), "it begins here");
    assert!(begun["tracestate"].is_null(), "of another trace, or of none");
    assert!(!collector.has(b"4711"), "the path is told to the collector");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_silent_changes_no_answer() {
    // One port that nobody listens at, and one where nobody answers.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = free.local_addr().unwrap();
    drop(free);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [away, silent.local_addr().unwrap()] {
        let settings =
            vec![("telemetry.otlp_url", format!("http://{address}")), ("telemetry.sample", "1".to_owned())];
        let cluster = Cluster::with(Topology::OneOnSqlite, Options { settings, clock: None }).await;
        let client = cluster.client();
        client.register(EMAIL).await;
        let (person, _) = client.login(EMAIL).await;
        for _ in 0..600 {
            person.get("/users/me").await.expect(200);
        }
        let started = Instant::now();
        cluster.stop().await;
        assert!(started.elapsed() < Duration::from_secs(30), "the end does not wait for the collector");
    }
}
