//! The door: everything that is done once with a request, whatever it asks for, in one place and in this order:
//! id and trace, path and host, addresses kept out, route, limits by address, who comes, limits by person, body, and then
//! the face.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod authenticate;
pub(crate) mod barriers;
mod body;
pub(crate) mod client;
mod cors;
mod idempotency;
pub(crate) mod keys;
pub(crate) mod limits;
mod path;
pub(crate) mod refusals;
pub(crate) mod request;
mod revocations;
pub(crate) mod table;
mod token;

pub(crate) use revocations::{Trust, follow as follow_revocations};

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::telemetry;
use denizen_kit::time::Deadline;
use http::header::{
    ALLOW, CACHE_CONTROL, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Uri};
use tower::Service;

use crate::faces::failure::Failure;
use crate::listen::{Connection, redirect};
use crate::state::App;
use authenticate::Care;
use body::Takes;
use refusals::By;
use request::{REQUEST_ID, RequestIds, Visit};
use table::{Endpoint, Found, Group, Route, Table};

/// The door, and behind it the router. A tower service.
#[derive(Clone, Debug)]
pub(crate) struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: Arc<App>,
    table: Table,
    router: axum::Router,
    ids: RequestIds,
}

/// One request on its way through the door.
struct Passage<'a> {
    inner: &'a Inner,
    endpoint: &'a Endpoint,
    ip: Option<IpAddr>,
    peer: Option<SocketAddr>,
    request_id: Arc<str>,
}

// === impl Edge ===

impl Edge {
    pub(crate) fn new(app: Arc<App>, table: Table, router: axum::Router) -> Self {
        Self(Arc::new(Inner { app, table, router, ids: RequestIds::default() }))
    }

    /// Answers a request that came from this peer.
    pub(crate) async fn handle(&self, mut request: Request<Body>, peer: Option<SocketAddr>) -> Response {
        let started = Instant::now();
        let inner = &*self.0;
        let request_id = request::request_id(request.headers(), &inner.app.clock, &inner.ids);
        let origin = cors::allowed_origin(request.headers(), &inner.app.config.cors_origins);
        let method = request.method().clone();
        drop_trailing_slash(&inner.table, &mut request);
        let found = inner.table.find(request.uri().path(), &method);

        let ip = client::client_ip(peer, request.headers(), &inner.app.config.trusted_proxies);
        let connection = request.extensions().get::<Connection>();
        let is_secure = connection.is_some_and(|it| redirect::is_secure(&inner.app, it, request.headers()));
        let answer = inner.answer(request, found, (peer, ip), &request_id).await;
        let (mut response, by) = match answer {
            Ok(response) => (response, By::Operation),
            Err(failure) => (failure.into_response(), By::Door),
        };
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            inner.app.refusals.note(&inner.app.clock, ip, (by, failure.code()));
            response = failure.render(&inner.app.config.public_url, &request_id);
        }
        finish(&mut response, found, &request_id, origin);
        if let Some(value) = redirect::hsts(&inner.app, is_secure) {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
        }
        inner.record(&method, found, &response, (&request_id, started.elapsed()));
        response
    }
}

impl Service<Request<Body>> for Edge {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        Box::pin(async move { Ok(this.handle(request, peer).await) })
    }
}

// === impl Inner ===

impl Inner {
    async fn answer(
        &self,
        request: Request<Body>,
        found: Found<'_>,
        (peer, ip): (Option<SocketAddr>, Option<IpAddr>),
        request_id: &Arc<str>,
    ) -> Result<Response, Failure> {
        path::check(request.uri().path())?;
        path::check_host(&request, peer.is_some())?;
        path::check_lengths(&request)?;
        let is_probe = matches!(found, Found::Endpoint(_, endpoint) if endpoint.group == Group::Probe);
        if !is_probe {
            self.app.barriers.check(ip, &self.app.clock)?;
        }
        if let Some(elsewhere) = redirect::to_tls(&self.app, &request) {
            return Ok(elsewhere);
        }
        let endpoint = match found {
            Found::Endpoint(_, endpoint) => endpoint,
            Found::Method(route) => return self.answer_method(&request, route, ip),
            Found::Nothing => {
                limits::check_request(&self.app, ip)?;
                return Err(
                    Problem::not_found("there is nothing at this path; see /docs for what there is").into()
                );
            }
        };
        let passage = Passage { inner: self, endpoint, ip, peer, request_id: request_id.clone() };
        let request = passage.admit(request).await?;
        let mut router = self.router.clone();
        match router.call(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    /// A path that does not take the method: OPTIONS is answered, any other refused.
    fn answer_method(
        &self,
        request: &Request<Body>,
        route: &Route,
        ip: Option<IpAddr>,
    ) -> Result<Response, Failure> {
        limits::check_request(&self.app, ip)?;
        if request.method() == Method::OPTIONS {
            let origin = cors::allowed_origin(request.headers(), &self.app.config.cors_origins);
            return Ok(cors::options(request.headers(), &route.allow, origin.as_ref()));
        }
        let problem = Problem::of(Code::MethodNotAllowed);
        Err(Failure::from(problem).with_header(ALLOW, route.allow.clone()))
    }

    /// Counts the request and writes its line. The line has no query and nothing of a person.
    fn record(
        &self,
        method: &Method,
        found: Found<'_>,
        response: &Response,
        (request_id, took): (&str, Duration),
    ) {
        let (route, stats) = match found {
            Found::Endpoint(route, endpoint) => (route.template.as_str(), &endpoint.stats),
            Found::Method(route) => (route.template.as_str(), &self.table.unmatched),
            Found::Nothing => ("none", &self.table.unmatched),
        };
        let status = response.status().as_u16();
        stats.record(status, took);
        let is_probe = matches!(found, Found::Endpoint(_, endpoint) if endpoint.group == Group::Probe);
        if self.app.config.access_log && !is_probe {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let (at, method) = (self.app.clock.now(), method.as_str());
            telemetry::log_request(&telemetry::Request { at, method, route, status, micros, request_id });
        }
    }
}

// === impl Passage ===

impl Passage<'_> {
    /// Takes the request through the rest of the door: what comes out carries a [`Visit`] and a whole body.
    async fn admit(&self, request: Request<Body>) -> Result<Request<Body>, Failure> {
        let app = &*self.inner.app;
        let endpoint = self.endpoint;
        if endpoint.is_counted {
            limits::check_request(app, self.ip)?;
        }
        let (mut parts, body) = request.into_parts();
        let mut person = None;
        if !endpoint.is_public {
            let care = if endpoint.is_grave { Care::Write } else { Care::Read };
            if let Some(verified) = app.authenticator.authenticate(&parts.headers, care).await? {
                app.authenticator.check_network(&verified, self.ip)?;
                limits::check_person(app, &verified.limit_key)?;
                person = Some(verified.person.clone());
            }
        }
        if endpoint.is_try {
            limits::check_try(app, self.ip).await?;
        }
        let (bytes, body) = self.read_body(&parts, body).await?;
        let idempotency = idempotency::read(&parts.headers, &parts.method, parts.uri.path(), &bytes)?;
        let call = Call {
            caller: Caller { service: Role::Gateway, person },
            request_id: self.request_id.clone(),
            ip: self.ip,
            user_agent: request::user_agent(&parts.headers),
            trace: request::trace(&parts.headers),
            deadline: Deadline::within(DEFAULT_DEADLINE),
            idempotency,
        };
        parts.extensions.insert(Visit { call: Arc::new(call), peer: self.peer });
        Ok(Request::from_parts(parts, body))
    }

    /// The body as the operation gets it, and its bytes where the door has read them.
    async fn read_body(&self, parts: &http::request::Parts, body: Body) -> Result<(Bytes, Body), Failure> {
        if parts.method.is_safe() {
            return Ok((Bytes::new(), Body::empty()));
        }
        let takes = self.endpoint.takes;
        if takes == Takes::Records {
            body::check_media_type(takes, &parts.headers)?;
            return Ok((Bytes::new(), body));
        }
        let bytes = body::read(&self.inner.app.config, takes, &parts.headers, body).await?;
        if !bytes.is_empty() {
            body::check_media_type(takes, &parts.headers)?;
        }
        let body = if bytes.is_empty() { Body::empty() } else { Body::from(bytes.clone()) };
        Ok((bytes, body))
    }
}

/// Takes the slash off the end of a path that is not known with it.
fn drop_trailing_slash(table: &Table, request: &mut Request<Body>) {
    let path = request.uri().path();
    let Some(bare) = path.strip_suffix('/').filter(|bare| !bare.is_empty()) else { return };
    if table.route(path).is_some() {
        return;
    }
    let target = match request.uri().query() {
        Some(query) => format!("{bare}?{query}"),
        None => bare.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = target.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// What every answer says.
fn finish(response: &mut Response, found: Found<'_>, request_id: &str, origin: Option<HeaderValue>) {
    let map = response.headers_mut();
    map.insert(REQUEST_ID, request::id_header(request_id));
    map.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    map.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Who answers with something that may be kept says so, and says by whom.
    let may_say = matches!(found, Found::Endpoint(_, endpoint) if endpoint.group != Group::Probe);
    if !may_say || !map.contains_key(CACHE_CONTROL) {
        map.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(origin) = origin {
        cors::mark(map, origin);
    }
}
