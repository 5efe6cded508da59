//! The journey of a request behind its route: through the cache, changed, to this system's own face, to an upstream or to
//! several, and the answer back. It outlives its client where others wait for the same answer.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use denizen_kit::problem::{Code, Problem};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::Instant;

use super::locate::{method_not_allowed, nothing_here};
use super::passage::Passage;
use super::refusals::By;
use super::request;
use super::stay::Stay;
use super::table::Found;
use super::who::Who;
use super::{Arrival, Edge, body, client, host, trace};
use crate::faces::failure::Failure;
use crate::listen::Connection;
use crate::proxy::aggregate::{Aggregate, Asked, PartAnswer, PartCall};
use crate::proxy::cache::{Fetch, Lookup};
use crate::proxy::forward::{ForwardPolicy, Hop, Tunnels, forward};
use crate::proxy::matching::Captures;
use crate::proxy::rule::{Rule, Target, Upstream};
use crate::proxy::transform::{Incoming, Params};

/// Largest answer that is changed or put together, in bytes.
const LARGEST_ANSWER: usize = 8 << 20;

/// Headers of a request that the parts of an aggregate are not asked with: they are about its body, or about an answer
/// that the client has of the whole.
const NOT_OF_PARTS: [HeaderName; 9] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
];

/// What stays the same on the whole way.
pub(super) struct Journey {
    edge: Edge,
    rule: Arc<Rule>,
    captures: Captures,
    params: Params,
    arrival: Arrival,
    who: Option<Who>,
    is_peer_trusted: bool,
    scheme: &'static str,
    request_id: HeaderValue,
    trace: trace::Onward,
}

// === impl Journey ===

impl Journey {
    pub(super) fn new(
        edge: &Edge,
        (rule, captures): (&Arc<Rule>, &Captures),
        (arrival, who): (Arrival, Option<Who>),
        request: &Request<Body>,
    ) -> Arc<Self> {
        let trusted = &edge.0.app.config.trusted_proxies;
        let is_peer_trusted = arrival.peer.is_some_and(|peer| client::is_trusted(peer.ip(), trusted));
        let is_over_tls = request.extensions().get::<Connection>().is_some_and(|it| it.tls.is_some());
        let scheme = if is_over_tls { "https" } else { client::scheme(request.headers(), is_peer_trusted) };
        Arc::new(Self {
            edge: edge.clone(),
            rule: rule.clone(),
            captures: captures.clone(),
            params: captures.pairs().collect(),
            who,
            is_peer_trusted,
            scheme,
            request_id: request::id_header(&arrival.request_id),
            trace: trace::Onward::new(&edge.0.app.tracer, arrival.trace, request.headers()),
            arrival,
        })
    }

    /// Answers the request: from what is kept where the route has a cache, else by going on.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Body>) -> Result<Response, Failure> {
        let Some(policy) = self.rule.spec.cache.clone() else { return self.go_on(request).await };
        let lookup = Lookup {
            is_https: self.scheme == "https",
            host: host::authority(request.uri(), request.headers()).to_ascii_lowercase(),
            principal: self.who.as_ref().map(|who| Arc::from(who.principal())),
        };
        let journey = self.clone();
        let fetch: Fetch = Arc::new(move |request| journey.clone().go_on(request).boxed());
        self.edge.0.app.kept.serve(&policy, &lookup, request, fetch).await
    }

    /// Goes to where the route leads, and changes request and answer on the way.
    async fn go_on(self: Arc<Self>, request: Request<Body>) -> Result<Response, Failure> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        if let Target::Aggregate(aggregate, _) = &self.rule.target {
            let (parts, _) = self.prepared(request).await?.into_parts();
            let response = self.clone().ask_all(aggregate, parts).await?;
            let incoming = Incoming { method, sent: uri.clone(), uri, params: self.params.clone() };
            return self.changed((response, By::Operation), incoming).await;
        }
        let request = self.rewritten(request)?;
        let request = self.prepared(request).await?;
        let incoming = Incoming { method, uri, sent: request.uri().clone(), params: self.params.clone() };
        let mut by = By::Operation;
        let response = match &self.rule.target {
            Target::Upstream(way) => self.send(&way.0, &way.1, request).await?,
            Target::Own | Target::Aggregate(..) if self.rule.spec.response.is_some() => {
                // What the operation refuses is an answer that the route may change, too.
                self.ask_own_face(request).await.unwrap_or_else(|failure| {
                    by = By::Door;
                    failure.into_response()
                })
            }
            Target::Own | Target::Aggregate(..) => self.ask_own_face(request).await?,
        };
        self.changed((response, by), incoming).await
    }

    /// The request with the method and path that the route gives it.
    fn rewritten(&self, mut request: Request<Body>) -> Result<Request<Body>, Problem> {
        let no_target = || Problem::malformed("the path cannot be passed on; send it plainly");
        let uri = request.uri();
        let target = self.rule.target(uri.path(), uri.query(), &self.captures).ok_or_else(no_target)?;
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(target);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| no_target())?;
        if let Some(method) = &self.rule.spec.rewrite.method {
            *request.method_mut() = method.clone();
        }
        Ok(request)
    }

    /// The request as the route changes it.
    async fn prepared(&self, request: Request<Body>) -> Result<Request<Body>, Failure> {
        let (mut parts, mut body) = request.into_parts();
        if let Some(transform) = &self.rule.spec.request {
            let bytes = if transform.needs_body() {
                let limit = self.rule.spec.body_limit.unwrap_or(self.edge.0.app.config.body_limit);
                body::read(limit, &parts.headers, std::mem::take(&mut body)).await?
            } else {
                bytes::Bytes::new()
            };
            let bytes = transform.apply(&mut parts, &self.params, bytes)?;
            if transform.needs_body() || parts.method.is_safe() {
                body = Body::from(bytes);
            }
        }
        if let Some(transform) = &self.rule.spec.response {
            transform.prepare(&mut parts.headers);
        }
        Ok(Request::from_parts(parts, body))
    }

    /// The answer as the route changes it.
    async fn changed(&self, (response, by): (Response, By), incoming: Incoming) -> Result<Response, Failure> {
        let Some(transform) = &self.rule.spec.response else { return Ok(response) };
        let response = self.shown(response, by);
        let (mut parts, body) = response.into_parts();
        if !transform.reads(&incoming, parts.status, &parts.headers) {
            let bytes = transform.apply(&incoming, &mut parts.status, &mut parts.headers, None);
            return Ok(Response::from_parts(parts, bytes.map_or(body, Body::from)));
        }
        let bytes = whole(body).await?;
        let bytes = transform.apply(&incoming, &mut parts.status, &mut parts.headers, Some(bytes));
        Ok(Response::from_parts(parts, Body::from(bytes.unwrap_or_default())))
    }

    /// The answer as a client would see it: a failure of our own is written out, so that it can be changed too.
    fn shown(&self, mut response: Response, by: By) -> Response {
        let app = &self.edge.0.app;
        let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
        app.refusals.note(&app.clock, self.arrival.ip, (by, failure.code()));
        failure.render(&app.config.public_url, &self.arrival.request_id)
    }

    /// Hands the request to the operation that its path now names. All rules of that operation hold, as if it had been
    /// asked for itself.
    async fn ask_own_face(&self, mut request: Request<Body>) -> Result<Response, Failure> {
        let inner = &*self.edge.0;
        inner.drop_slash(&mut request);
        let endpoint = match inner.table.find(request.uri().path(), request.method()) {
            Found::Endpoint(_, endpoint) => endpoint,
            Found::Method(route) => return Err(method_not_allowed(&route.allow)),
            Found::Nothing => return Err(nothing_here()),
        };
        let (arrival, lent, counts_person) = (&self.arrival, self.rule.lent, self.who.is_none());
        let passage = Passage { app: &inner.app, endpoint, arrival, counts_person, lent };
        inner.pass(endpoint, passage.admit(request).await?).await
    }

    /// Sends the request to an upstream.
    async fn send(
        &self,
        upstream: &Upstream,
        policy: &ForwardPolicy,
        request: Request<Body>,
    ) -> Result<Response, Failure> {
        let app = &self.edge.0.app;
        let (now, name) = (app.clock.now().as_second(), &upstream.spec.cluster.name);
        let identity = self.who.as_ref().map(|who| app.proxy.identities.of(&who.subject(), name, now));
        let left = self.who.as_ref().map(|who| u64::try_from(who.expires() - now).unwrap_or_default());
        let tunnels = Tunnels {
            tasks: &app.tasks,
            drain: app.config.drain_timeout,
            until: left.map(|seconds| Instant::now() + std::time::Duration::from_secs(seconds)),
            stay: self.who.as_ref().and_then(|who| Stay::of(who, &app.authenticator)),
        };
        let (span, trace) = self.trace.begin(request.method(), name);
        let hop = Hop {
            peer: self.arrival.peer,
            client_ip: self.arrival.ip,
            is_peer_trusted: self.is_peer_trusted,
            scheme: self.scheme,
            request_id: &self.request_id,
            trace: trace.as_ref(),
            identity: identity.as_deref(),
            policy,
            tunnels,
        };
        trace::end_asking(span, forward(&hop, &upstream.cluster, request).await)
    }

    /// Asks all parts of an aggregate.
    async fn ask_all(self: Arc<Self>, aggregate: &Aggregate, parts: Parts) -> Result<Response, Failure> {
        let journey = self.clone();
        let sent = parts.headers.clone();
        let call = move |part: PartCall| -> BoxFuture<'static, Result<PartAnswer, Problem>> {
            let (journey, headers) = (journey.clone(), sent.clone());
            async move { journey.ask_part(part, headers).await }.boxed()
        };
        let query = parts.uri.query().unwrap_or_default();
        let asked = Asked { method: &parts.method, query, headers: &parts.headers, params: &self.params };
        aggregate.run(asked, call).await
    }

    async fn ask_part(&self, part: PartCall, headers: HeaderMap) -> Result<PartAnswer, Problem> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = part.method;
        *request.uri_mut() = Uri::from(part.target);
        *request.headers_mut() = headers;
        for name in NOT_OF_PARTS {
            request.headers_mut().remove(name);
        }
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let upstreams = match &self.rule.target {
            Target::Aggregate(_, upstreams) => upstreams,
            Target::Own | Target::Upstream(..) => return Err(Problem::of(Code::Internal)),
        };
        let answer = match upstreams.get(&part.upstream) {
            Some((upstream, policy)) => {
                if self.who.is_some() && !self.rule.spec.access.keeps_authorization {
                    request.headers_mut().remove(AUTHORIZATION);
                }
                self.send(upstream, policy, request).await
            }
            None => self.ask_own_face(request).await,
        };
        let response = match answer {
            Ok(response) => self.shown(response, By::Operation),
            Err(failure) => self.shown(failure.into_response(), By::Door),
        };
        let (parts, body) = response.into_parts();
        let bytes = whole(body).await?;
        Ok((parts.status, parts.headers, bytes))
    }
}

/// The whole body of an answer.
async fn whole(body: Body) -> Result<bytes::Bytes, Problem> {
    let read = Limited::new(body, LARGEST_ANSWER).collect().await;
    let broken = |_| Problem::unavailable("the upstream's answer broke off or is too large to be changed");
    Ok(read.map_err(broken)?.to_bytes())
}
