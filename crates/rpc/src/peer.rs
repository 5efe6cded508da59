//! [`Peer`]: one call's way out of a service, the same to this process and to another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use denizen_kit::caller::Role;
use denizen_kit::cx::Call;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::task::write_is_open;
use denizen_kit::trace::{Kind, TraceContext, Tracer};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;

use crate::caller::{HEADER, Signer};
use crate::link::Link;
use crate::method::Method;
use crate::{spans, status_from};

/// A service as seen by one call: where it is, and who calls.
#[derive(Clone)]
pub struct Peer {
    pub(crate) link: Link,
    pub(crate) role: Role,
    pub(crate) call: Arc<Call>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) tracer: Tracer,
}

// === impl Peer ===

impl Peer {
    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        if write_is_open() {
            let detail = "a service was called while a write was open";
            return Err(status_from(Problem::new(Code::Internal, detail)));
        }
        let within = (self.call.trace, &*self.call.request_id);
        let span = spans::begin(&self.tracer, Kind::Client, within, request.uri().path());
        let trace = span.as_ref().map_or(self.call.trace, |span| Some(span.context()));
        let answered = self.pass_on(request, trace).await;
        if let Some(span) = span {
            let code = match &answered {
                Ok(response) => spans::code(response.headers()),
                Err(status) => status.code().into(),
            };
            spans::end(span, Kind::Client, code);
        }
        answered
    }

    /// Passes a request on as a part of this span.
    async fn pass_on(
        &self,
        mut request: Request<Body>,
        trace: Option<TraceContext>,
    ) -> Result<Response<Body>, Status> {
        match &self.link {
            Link::Local(services) => Ok(services.clone().answer(request, self.call.clone(), trace).await),
            Link::Remote(channel) => {
                let streams = Method::of(request.uri().path()).is_some_and(|method| method.streams);
                self.stamp(&mut request, streams, trace)?;
                let limit = tokio::time::Instant::from_std(self.call.deadline.instant());
                let sent = self.send_remote(channel.clone(), request);
                if streams {
                    return sent.await;
                }
                tokio::time::timeout_at(limit, sent)
                    .await
                    .unwrap_or_else(|_| Err(status_from(Problem::of(Code::Timeout))))
            }
            Link::Absent => {
                let detail = format!(
                    "the role {0} runs in no known process; set services.{0}.url or add it to roles",
                    self.role
                );
                Err(status_from(Problem::unavailable(detail)))
            }
        }
    }

    /// Writes down who calls, until when, and the trace.
    fn stamp(
        &self,
        request: &mut Request<Body>,
        streams: bool,
        trace: Option<TraceContext>,
    ) -> Result<(), Status> {
        let caller = HeaderValue::try_from(self.signer.sign(&self.call, self.role))
            .map_err(|_| Status::internal("the caller does not fit a header"))?;
        request.headers_mut().insert(HEADER, caller);
        if !streams {
            let timeout = format!("{}m", self.call.deadline.remaining().as_millis().max(1));
            if let Ok(timeout) = HeaderValue::try_from(timeout) {
                request.headers_mut().insert("grpc-timeout", timeout);
            }
        }
        if let Some(trace) = trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok()) {
            request.headers_mut().insert("traceparent", trace);
        }
        Ok(())
    }

    /// Sends to another process. A read whose connection breaks is tried once more: it can have changed nothing.
    async fn send_remote(
        &self,
        mut channel: Channel,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let method = Method::of(request.uri().path());
        if !method.is_some_and(|method| method.reads && !method.streams) {
            return call_channel(&mut channel, request).await;
        }
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let copy = |parts: &http::request::Parts| {
            let mut again = Request::new(Body::new(Full::new(bytes.clone())));
            *again.method_mut() = parts.method.clone();
            *again.uri_mut() = parts.uri.clone();
            *again.version_mut() = parts.version;
            *again.headers_mut() = parts.headers.clone();
            again
        };
        match call_channel(&mut channel, copy(&parts)).await {
            Err(_broken) => call_channel(&mut channel, copy(&parts)).await,
            answered => answered,
        }
    }
}

async fn call_channel(channel: &mut Channel, request: Request<Body>) -> Result<Response<Body>, Status> {
    let unreachable = |error: tonic::transport::Error| {
        let problem =
            Problem::unavailable("a service that this needs cannot be reached now; repeat it later");
        status_from(problem.caused_by(error))
    };
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.map_err(unreachable)?;
    channel.call(request).await.map_err(unreachable)
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
