//! What the cache promises, at its door: a store before an origin that says what it is told to.

mod answers;
mod bodies;
mod cases;
mod coalescing;
mod levels;
mod outages;
mod principals;
mod purges;
mod stale;
mod table;
mod table_of_requests;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use denizen_cache::Cache;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp};
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;

use super::{CachePolicy, CacheSpec, Config, Fetch, Lookup, Store};
use crate::faces::failure::Failure;

type Headers<'a> = &'a [(&'static str, &'a str)];

/// Longest that a test waits for what must come.
const HANG: Duration = Duration::from_secs(20);

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

/// What the origin does with the request of this number (from 1).
type Script = Arc<dyn Fn(usize, Parts) -> BoxFuture<'static, Result<Response, Failure>> + Send + Sync>;

struct Bench {
    store: Store,
    clock: Clock,
    policy: Arc<CachePolicy>,
    origin: Arc<Origin>,
    principal: Option<Arc<str>>,
}

struct Origin {
    calls: AtomicUsize,
    seen: Mutex<Vec<Parts>>,
    script: Mutex<Script>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

fn config() -> Config {
    Config { memory: 4 << 20, max_entry: 64 << 10, shared: false, patience: Duration::from_secs(5) }
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(START).unwrap())
}

/// An answer with these headers whose body is `body`.
fn answer(status: u16, headers: Headers<'_>, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(*name, HeaderValue::try_from(*value).unwrap());
    }
    response
}

// === impl Bench ===

impl Bench {
    /// An origin that answers each request with these headers and its number.
    fn new(spec: &str, headers: Headers<'_>) -> Self {
        Self::with(config(), &Cache::memory(), spec).saying(200, headers)
    }

    fn with(config: Config, cache: &Cache, spec: &str) -> Self {
        Self::at(clock(), config, cache, spec)
    }

    fn at(clock: Clock, config: Config, cache: &Cache, spec: &str) -> Self {
        let spec: CacheSpec = serde_json::from_str(spec).unwrap();
        let script: Script =
            Arc::new(|_, _| Box::pin(async { Ok(answer(500, &[], "the test does not say what comes")) }));
        Self {
            store: Store::new(config, cache, &clock, &Tasks::new()),
            clock,
            policy: Arc::new(CachePolicy::compile("route", &spec).unwrap()),
            origin: Arc::new(Origin {
                calls: AtomicUsize::new(0),
                seen: Mutex::default(),
                script: Mutex::new(script),
            }),
            principal: None,
        }
    }

    /// The same, with an origin that from now on answers so, with its number as the body.
    fn saying(self, status: u16, headers: Headers<'_>) -> Self {
        self.say(status, headers);
        self
    }

    fn say(&self, status: u16, headers: Headers<'_>) {
        let headers: Vec<(&'static str, String)> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.script(move |number, _| {
            let headers: Vec<(&'static str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let body = if status == 304 { String::new() } else { number.to_string() };
            let response = answer(status, &headers, body);
            Box::pin(async move { Ok(response) })
        });
    }

    fn script(
        &self,
        script: impl Fn(usize, Parts) -> BoxFuture<'static, Result<Response, Failure>> + Send + Sync + 'static,
    ) {
        *self.origin.script.lock().unwrap() = Arc::new(script);
    }

    /// Another who asks the same store.
    fn of(&self, principal: Option<&str>) -> Self {
        Self {
            store: self.store.clone(),
            clock: self.clock.clone(),
            policy: self.policy.clone(),
            origin: self.origin.clone(),
            principal: principal.map(Into::into),
        }
    }

    fn calls(&self) -> usize {
        self.origin.calls.load(Ordering::SeqCst)
    }

    /// The last request that the origin got.
    fn last_seen(&self) -> Parts {
        self.origin.seen.lock().unwrap().last().unwrap().clone()
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn fetch(&self) -> Fetch {
        let origin = self.origin.clone();
        Arc::new(move |request| {
            let number = origin.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let (parts, _) = request.into_parts();
            origin.seen.lock().unwrap().push(parts.clone());
            let script = origin.script.lock().unwrap().clone();
            script(number, parts)
        })
    }

    /// The answer, whose body has not been read yet.
    async fn begin(&self, method: Method, target: &str, headers: Headers<'_>) -> Result<Response, Failure> {
        let mut request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::try_from(*value).unwrap());
        }
        let lookup =
            Lookup { is_https: true, host: "shop.example".to_owned(), principal: self.principal.clone() };
        self.store.serve(&self.policy, &lookup, request, self.fetch()).await
    }

    async fn send(&self, method: Method, target: &str, headers: Headers<'_>) -> Answer {
        let response = in_time(self.begin(method, target, headers)).await;
        let (parts, body) = response.unwrap_or_else(|failure| failure.render("", "r")).into_parts();
        let body = in_time(body.collect()).await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, target: &str, headers: Headers<'_>) -> Answer {
        self.send(Method::GET, target, headers).await
    }

    /// Whether such a request is answered without the origin.
    async fn is_kept(&self, target: &str, headers: Headers<'_>) -> bool {
        let before = self.calls();
        self.get(target, headers).await;
        self.calls() == before
    }

    async fn eventually(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(HANG, waiting).await.is_ok(), "{what}");
    }
}

// === impl Answer ===

impl Answer {
    fn header(&self, name: impl AsRef<str>) -> &str {
        let name = HeaderName::try_from(name.as_ref()).unwrap();
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn cache_status(&self) -> &str {
        self.header("cache-status")
    }
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(HANG, pin!(future)).await.expect("it hangs")
}
