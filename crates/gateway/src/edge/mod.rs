//! The door: everything that is done once with a request, whatever it asks for, in one place and in this order:
//! id and trace, host and path, the table, addresses kept out, how many there are already, limits by address, who
//! comes, limits by person, body, and then the face or the upstream.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod addresses;
pub(crate) mod authenticate;
pub(crate) mod barriers;
mod body;
pub(crate) mod client;
mod cors;
pub(crate) mod foreign;
mod host;
mod idempotency;
mod journey;
pub(crate) mod keys;
pub(crate) mod limits;
mod locate;
pub(crate) mod log;
mod losses;
mod marks;
mod networks;
mod passage;
pub(crate) mod path;
mod record;
pub(crate) mod refusals;
pub(crate) mod request;
mod revocations;
mod routed;
pub(crate) mod shed;
pub(crate) mod stay;
pub(crate) mod table;
mod token;
mod trace;
pub(crate) mod who;

pub(crate) use revocations::{Trust, follow as follow_revocations};

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use denizen_kit::caller::Permissions;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::trace::TraceContext;
use http::header::{ORIGIN, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, Method, Request};
use tower::Service;

use crate::faces::failure::Failure;
use crate::listen::{Connection, redirect};
use crate::state::App;
use locate::{Place, method_not_allowed, nothing_here};
use log::AccessLogFormat;
use passage::Passage;
use refusals::By;
use request::RequestIds;
use table::{Found, Group, Table};

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

/// Where a request comes from and what it is called.
#[derive(Clone, Debug)]
struct Arrival {
    ip: Option<IpAddr>,
    peer: Option<SocketAddr>,
    request_id: Arc<str>,
    /// Where it is in its trace: at our own span, where traces are on.
    trace: Option<TraceContext>,
    /// Whether it has been let in and counted: it then is not again.
    counted: bool,
    observed: limits::Observed,
}

// === impl Edge ===

impl Edge {
    pub(crate) fn new(app: Arc<App>, table: Table, router: axum::Router) -> Self {
        Self(Arc::new(Inner { app, table, router, ids: RequestIds::default() }))
    }

    /// Answers a request that came from this peer.
    pub(crate) async fn handle(&self, request: Request<Body>, peer: Option<SocketAddr>) -> Response {
        let started = Instant::now();
        let inner = &*self.0;
        let config = &inner.app.config;
        let request_id = request::request_id(request.headers(), &inner.app.clock, &inner.ids);
        let origin = request.headers().get(ORIGIN).cloned();
        let method = request.method().clone();
        let ip = client::client_ip(peer, request.headers(), &config.trusted_proxies);
        let (trace, span) = trace::enter(&inner.app, request.headers(), peer);
        let (counted, observed) = (false, limits::Observed::default());
        let arrival = Arrival { ip, peer, request_id, trace, counted, observed };
        let connection = request.extensions().get::<Connection>();
        let is_secure = connection.is_some_and(|it| redirect::is_secure(&inner.app, it, request.headers()));
        let asked = (config.access_log_format == AccessLogFormat::Combined).then(|| log::Asked::of(&request));
        let (place, answer) = self.answer(request, &arrival).await;
        let (mut response, by) = match answer {
            Ok(response) => (response, By::Operation),
            Err(failure) => (failure.into_response(), By::Door),
        };
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            inner.app.refusals.note(&inner.app.clock, ip, (by, failure.code()));
            response = failure.render(&config.public_url, &arrival.request_id);
        }
        marks::put(&mut response, &place, &arrival.request_id);
        cors::mark_for(&mut response, &place, origin.as_ref(), &config.cors_origins);
        inner.record(&method, &place, response.status().as_u16(), (&arrival, started.elapsed()));
        if let Some(span) = span {
            trace::end(span, (&method, &place), response.status(), (is_secure, &arrival.request_id));
        }
        if let Some(asked) = asked.filter(|_| config.access_log && !place.is_probe()) {
            asked.log(inner.app.clock.now(), ip, &method, &response);
        }
        if let Some(value) = redirect::hsts(&inner.app, is_secure) {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
        }
        response
    }

    /// Finds out where a request leads, and lets that answer it.
    async fn answer(
        &self,
        mut request: Request<Body>,
        arrival: &Arrival,
    ) -> (Place<'_>, Result<Response, Failure>) {
        let nowhere = Place::Own(Found::Nothing);
        if let Err(failure) = host::check_framing(&request) {
            return (nowhere, Err(self.0.counted(arrival, failure)));
        }
        match self.0.locate(&mut request, arrival.peer.is_some(), None) {
            Ok(Place::Undecided) => Box::pin(self.answer_by_body(request, arrival)).await,
            Ok(place) => {
                let answer = self.answer_at(&place, request, arrival).await;
                (place, answer)
            }
            Err(problem) => (nowhere, Err(self.0.counted(arrival, problem.into()))),
        }
    }

    /// Reads the body, which alone says where the request leads.
    async fn answer_by_body(
        &self,
        request: Request<Body>,
        arrival: &Arrival,
    ) -> (Place<'_>, Result<Response, Failure>) {
        let nowhere = Place::Own(Found::Nothing);
        let reading = match self.0.app.in_flight.admit() {
            Ok(permit) => permit,
            Err(failure) => return (nowhere, Err(failure)),
        };
        let (mut request, body) = match self.read_deciding_body(request, arrival).await {
            Ok(read) => read,
            Err(failure) => return (nowhere, Err(failure)),
        };
        // Where the request leads, it is admitted for itself.
        drop(reading);
        let arrival = Arrival { counted: true, ..arrival.clone() };
        match self.0.locate(&mut request, arrival.peer.is_some(), Some(&body)) {
            Ok(place) => {
                let answer = self.answer_at(&place, request, &arrival).await;
                (place, answer)
            }
            Err(problem) => (nowhere, Err(problem.into())),
        }
    }

    async fn answer_at(
        &self,
        place: &Place<'_>,
        request: Request<Body>,
        arrival: &Arrival,
    ) -> Result<Response, Failure> {
        if let Some(elsewhere) = redirect::to_tls(&self.0.app, &request) {
            return Ok(elsewhere);
        }
        match place {
            Place::Own(found) => self.0.answer_own(request, *found, arrival).await,
            // On the heap: what takes no route does not carry the room for it.
            Place::Routed(rule, captures) => {
                Box::pin(self.answer_routed(request, (rule, captures), arrival)).await
            }
            Place::Methods(allow) => {
                self.0.admit_address(arrival)?;
                self.0.answer_method(&request, allow)
            }
            // A body is read once.
            Place::Undecided => Err(Problem::of(Code::Internal).into()),
        }
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
    /// Lets an address in, and counts the request with all others and with those of its address.
    fn admit_address(&self, arrival: &Arrival) -> Result<(), Failure> {
        if arrival.counted {
            return Ok(());
        }
        self.app.barriers.check(arrival.ip, &self.app.clock)?;
        limits::check_request(&self.app, arrival.ip)
    }

    /// The refusal of a request that nobody can read: it counts as others do, and an address kept out learns no more.
    fn counted(&self, arrival: &Arrival, failure: Failure) -> Failure {
        self.admit_address(arrival).err().unwrap_or(failure)
    }

    async fn answer_own(
        &self,
        mut request: Request<Body>,
        found: Found<'_>,
        arrival: &Arrival,
    ) -> Result<Response, Failure> {
        let endpoint = match found {
            Found::Endpoint(_, endpoint) => endpoint,
            Found::Method(route) => {
                self.admit_address(arrival)?;
                return self.answer_method(&request, &route.allow);
            }
            Found::Nothing => {
                self.admit_address(arrival)?;
                return Err(nothing_here());
            }
        };
        let (counts_person, lent) = (true, Permissions::NONE);
        let passage = Passage { app: &self.app, endpoint, arrival, counts_person, lent };
        if endpoint.group == Group::Probe {
            return self.pass(endpoint, passage.admit(request).await?).await;
        }
        self.app.barriers.check(arrival.ip, &self.app.clock)?;
        let permit = self.app.in_flight.admit()?;
        request.extensions_mut().insert(permit.clone());
        let response = self.pass(endpoint, passage.admit(request).await?).await?;
        Ok(permit.hold(response))
    }

    /// A path that does not take the method: OPTIONS is answered, any other refused.
    fn answer_method(&self, request: &Request<Body>, allow: &HeaderValue) -> Result<Response, Failure> {
        if request.method() == Method::OPTIONS {
            let origin = cors::allowed_origin(request.headers().get(ORIGIN), &self.app.config.cors_origins);
            return Ok(cors::options(request.headers(), allow, origin.as_ref()));
        }
        Err(method_not_allowed(allow))
    }
}
