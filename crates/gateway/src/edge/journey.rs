//! The journey of a request behind its route: to this system's own face or to an upstream, and the answer back.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::problem::Problem;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Uri};
use tokio::time::Instant;

use super::passage::Passage;
use super::request;
use super::table::Found;
use super::who::Who;
use super::{Arrival, Edge, client, method_not_allowed, nothing_here};
use crate::faces::failure::Failure;
use crate::proxy::forward::{ForwardPolicy, Hop, Tunnels, forward};
use crate::proxy::matching::Captures;
use crate::proxy::rule::{Rule, Target, Upstream};

/// What stays the same on the whole way.
pub(super) struct Journey {
    edge: Edge,
    rule: Arc<Rule>,
    captures: Captures,
    arrival: Arrival,
    who: Option<Who>,
    is_peer_trusted: bool,
    scheme: &'static str,
    request_id: HeaderValue,
    trace: Option<HeaderValue>,
}

// === impl Journey ===

impl Journey {
    pub(super) fn new(
        edge: &Edge,
        (rule, captures): (&Arc<Rule>, &Captures),
        (arrival, who): (Arrival, Option<Who>),
        request: &Request<Body>,
    ) -> Self {
        let config = &edge.0.app.config;
        let trusted = &config.trusted_proxies;
        let is_peer_trusted = arrival.peer.is_some_and(|peer| client::is_trusted(peer.ip(), trusted));
        let trace = request::trace(request.headers());
        Self {
            edge: edge.clone(),
            rule: rule.clone(),
            captures: captures.clone(),
            who,
            is_peer_trusted,
            scheme: client::scheme(request.headers(), is_peer_trusted),
            request_id: request::id_header(&arrival.request_id),
            trace: trace.and_then(|trace| HeaderValue::from_str(&trace).ok()),
            arrival,
        }
    }

    /// Answers the request from where the route leads.
    pub(super) async fn answer(&self, request: Request<Body>) -> Result<Response, Failure> {
        let request = self.rewritten(request)?;
        match &self.rule.target {
            Target::Upstream(upstream, policy) => self.send(upstream, policy, request).await,
            Target::Own => self.ask_own_face(request).await,
        }
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

    /// Hands the request to the operation that its path now names. All rules of that operation hold, as if it had been
    /// asked for itself.
    async fn ask_own_face(&self, request: Request<Body>) -> Result<Response, Failure> {
        let inner = &*self.edge.0;
        let endpoint = match inner.table.find(request.uri().path(), request.method()) {
            Found::Endpoint(_, endpoint) => endpoint,
            Found::Method(route) => return Err(method_not_allowed(&route.allow)),
            Found::Nothing => return Err(nothing_here()),
        };
        let counts_person = self.who.is_none();
        let passage = Passage { app: &inner.app, endpoint, arrival: &self.arrival, counts_person };
        let mut response = inner.pass(passage.admit(request).await?).await?;
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// Sends the request to an upstream.
    async fn send(
        &self,
        upstream: &Upstream,
        policy: &ForwardPolicy,
        request: Request<Body>,
    ) -> Result<Response, Failure> {
        let app = &self.edge.0.app;
        let now = app.clock.now().as_second();
        let name = &upstream.spec.cluster.name;
        let identity = self.who.as_ref().map(|who| app.proxy.identities.of(&who.subject(), name, now));
        let left = self.who.as_ref().map(|who| u64::try_from(who.expires() - now).unwrap_or_default());
        let tunnels = Tunnels {
            tasks: &app.tasks,
            drain: app.config.drain_timeout,
            until: left.map(|seconds| Instant::now() + std::time::Duration::from_secs(seconds)),
        };
        let hop = Hop {
            peer: self.arrival.peer,
            client_ip: self.arrival.ip,
            is_peer_trusted: self.is_peer_trusted,
            scheme: self.scheme,
            request_id: &self.request_id,
            trace: self.trace.as_ref(),
            identity: identity.as_deref(),
            policy,
            tunnels,
        };
        forward(&hop, &upstream.cluster, request).await
    }
}
