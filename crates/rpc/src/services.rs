//! The services of this process, and the one layer through which every call to them comes.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use denizen_kit::caller::Role;
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::task::with_write_mark;
use denizen_kit::trace::{Kind, Span, TraceContext, Tracer};
use futures::FutureExt;
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use crate::caller::{HEADER, Signer};
use crate::method::{METHODS, Method};
use crate::{spans, status_from};

/// All services of this process. Filled at boot, so that services may call each other in a ring; emptied at
/// shutdown, or the ring would never drop.
#[derive(Clone, Default)]
pub struct Services(Arc<Inner>);

#[derive(Default)]
struct Inner {
    routes: ArcSwapOption<Routes>,
    latency: std::sync::OnceLock<Vec<metrics::Histogram>>,
    tracer: Tracer,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Services")
    }
}

// === impl Services ===

impl Services {
    /// No services yet: each call is answered UNAVAILABLE.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with a span for each call within a trace that is recorded.
    pub fn traced(tracer: Tracer) -> Self {
        Self(Arc::new(Inner { tracer, ..Inner::default() }))
    }

    /// Puts the services in.
    pub fn fill(&self, routes: Routes) {
        self.0.routes.store(Some(Arc::new(routes.prepare())));
    }

    /// Takes the services out.
    pub fn clear(&self) {
        self.0.routes.store(None);
    }

    /// The same services for calls that come by the network: who calls is verified first.
    pub fn network(&self, signer: Signer, roles: Vec<Role>) -> Network {
        Network { services: self.clone(), signer: Arc::new(signer), roles: roles.into() }
    }

    /// Answers a call that comes from within a span. A call that may write goes on when its client has gone; its deadline
    /// ends it.
    pub(crate) async fn answer(
        self,
        mut request: Request<Body>,
        call: Arc<Call>,
        parent: Option<TraceContext>,
    ) -> Response<Body> {
        let index = Method::index(request.uri().path());
        let may_write = index.is_none_or(|index| !METHODS[index].reads);
        let deadline = tokio::time::Instant::from_std(call.deadline.instant());
        let started = Instant::now();
        let within = (parent, &*call.request_id);
        let span = spans::begin(&self.0.tracer, Kind::Server, within, request.uri().path());
        let call = match &span {
            Some(span) => Arc::new(Call { trace: Some(span.context()), ..Call::clone(&call) }),
            None => call,
        };
        request.extensions_mut().insert(call);
        let work = self.clone().in_time(request, deadline, span);
        let response = if may_write {
            tokio::spawn(with_write_mark(work)).await.unwrap_or_else(|_| refusal(Problem::of(Code::Internal)))
        } else {
            work.await
        };
        self.record(index, started.elapsed());
        response
    }

    /// Answers before the deadline, and ends the span then: also where nobody waits for the answer any more.
    async fn in_time(
        self,
        request: Request<Body>,
        deadline: tokio::time::Instant,
        span: Option<Span>,
    ) -> Response<Body> {
        let outcome = tokio::time::timeout_at(deadline, self.guarded(request)).await;
        let response = outcome.unwrap_or_else(|_| refusal(Problem::of(Code::Timeout)));
        if let Some(span) = span {
            spans::end(span, Kind::Server, spans::code(response.headers()));
        }
        response
    }

    async fn guarded(self, request: Request<Body>) -> Response<Body> {
        let Some(routes) = self.0.routes.load_full() else {
            return refusal(Problem::unavailable("the process is starting or stopping; repeat the request"));
        };
        let mut routes = Routes::clone(&routes);
        match AssertUnwindSafe(routes.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_panic) => refusal(Problem::of(Code::Internal)),
        }
    }

    fn record(&self, index: Option<usize>, took: Duration) {
        let latency = self.0.latency.get_or_init(|| {
            METHODS
                .iter()
                .map(|method| metrics::histogram!("denizen_operation_seconds", "method" => method.path))
                .collect()
        });
        if let Some(histogram) = index.and_then(|index| latency.get(index)) {
            histogram.record(took.as_secs_f64());
        }
    }
}

fn refusal(problem: Problem) -> Response<Body> {
    status_from(problem).into_http()
}

/// The services of this process for other processes: a tower service for the internal listener.
#[derive(Clone, Debug)]
pub struct Network {
    services: Services,
    signer: Arc<Signer>,
    roles: Arc<[Role]>,
}

// === impl Network ===

impl Network {
    async fn enter(self, mut request: Request<Body>) -> Response<Body> {
        request.extensions_mut().remove::<Arc<Call>>();
        let header = request.headers_mut().remove(HEADER);
        let header = header.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let within =
            request.headers().get("grpc-timeout").and_then(|value| grpc_timeout(value.to_str().ok()?));
        let mut call = match self.signer.verify(header, &self.roles, within.unwrap_or(DEFAULT_DEADLINE)) {
            Ok(call) => call,
            Err(problem) => return refusal(problem),
        };
        let trace = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        call.trace = trace.and_then(TraceContext::parse);
        let trace = call.trace;
        self.services.answer(request, Arc::new(call), trace).await
    }
}

impl<B> Service<Request<B>> for Network
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.enter(request.map(Body::new)).await) })
    }
}

/// The duration of a `grpc-timeout` header, at most the default deadline (gRPC over HTTP/2, "Timeout").
fn grpc_timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let limit = match unit {
        'H' => Duration::from_secs(number.saturating_mul(3600)),
        'M' => Duration::from_secs(number.saturating_mul(60)),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    };
    Some(limit)
}
