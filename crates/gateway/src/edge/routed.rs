//! The door for what takes a route: its addresses, its limits, who may come by it; then the journey behind it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::problem::{Code, Problem};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, COOKIE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::Value;

use super::authenticate::{Care, bearer};
use super::journey::Journey;
use super::limits::Fields;
use super::limits::route::Keys;
use super::shed::Permit;
use super::who::Who;
use super::{Arrival, Edge, body, cors, foreign, limits, trace};
use crate::faces::body::unambiguous;
use crate::faces::failure::Failure;
use crate::proxy::matching::Captures;
use crate::proxy::rule::{Rule, Target};
use crate::proxy::spec::access::Auth;
use crate::proxy::transform::is_json;

/// Headers that some upstreams take for another method.
const OTHER_METHODS: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

// === impl Edge ===

impl Edge {
    /// Answers what took a route.
    pub(super) async fn answer_routed(
        &self,
        request: Request<Body>,
        (rule, captures): (&Arc<Rule>, &Captures),
        arrival: &Arrival,
    ) -> Result<Response, Failure> {
        rule.spec.access.addresses.check(arrival.ip)?;
        self.0.admit_address(arrival)?;
        let is_preflight = is_preflight(&request);
        if is_preflight && let Some(answer) = self.preflight(rule, request.headers()) {
            return Ok(answer);
        }
        if rule.is_gone(self.0.app.clock.now()) {
            let problem = Problem::not_found("this version has ended; see the Link of this answer");
            return Err(Failure::from(problem).with_status(StatusCode::GONE));
        }
        let permit = self.permit(rule)?;
        // A browser sends no token with it, and asks for nothing by it (Fetch standard, CORS-preflight fetch).
        let is_free = is_preflight && request.headers().contains_key(ORIGIN) && rule.passes_options();
        let request = if is_free { bare(request) } else { request };
        let (mut parts, body) = request.into_parts();
        trace::drop_stray_state(&self.0.app.tracer, &mut parts.headers);
        parts.extensions.insert(permit.clone());
        let who = if is_free { None } else { self.who(rule, &parts, arrival).await? };
        if !is_free {
            check_rights(rule, who.as_ref())?;
        }
        let limits = self.count(rule, who.as_ref(), arrival).await?;
        if who.is_some()
            && !rule.spec.access.keeps_authorization
            && matches!(rule.target, Target::Upstream(_))
        {
            parts.headers.remove(AUTHORIZATION);
        }
        let arrival = Arrival { counted: true, ..arrival.clone() };
        let answer = match body::within(rule.spec.body_limit, Request::from_parts(parts, body)) {
            Ok(request) => {
                let journey = Journey::new(self, (rule, captures), (arrival, who), &request);
                journey.answer(request).await
            }
            Err(failure) => Err(failure),
        };
        let mut response = told(answer, &limits)?;
        if !matches!(rule.target, Target::Upstream(_)) {
            // For caches further out: that of the route has gone by what the answer says itself.
            response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
        Ok(permit.hold(response))
    }

    /// The right to be answered, by the process and by the route.
    fn permit(&self, rule: &Rule) -> Result<Permit, Failure> {
        let permit = self.0.app.in_flight.admit()?;
        match &rule.concurrency {
            Some(concurrency) => Ok(permit.and(concurrency.admit()?)),
            None => Ok(permit),
        }
    }

    /// The answer to a preflight, by what the route or else the settings say of other origins; none when that is left to
    /// an upstream.
    fn preflight(&self, rule: &Rule, headers: &HeaderMap) -> Option<Response> {
        if let Some(cors) = &rule.cors {
            return Some(cors::preflight(headers, cors));
        }
        let origins = &self.0.app.config.cors_origins;
        let is_ours = !origins.is_empty() || matches!(rule.target, Target::Own);
        let origin = cors::allowed_origin(headers.get(ORIGIN), origins);
        is_ours.then(|| cors::options(headers, &rule.allow, origin.as_ref()))
    }

    /// Whom the request's token names, as far as the route wants to know.
    async fn who(&self, rule: &Rule, parts: &Parts, arrival: &Arrival) -> Result<Option<Who>, Failure> {
        if rule.auth == Auth::None {
            return Ok(None);
        }
        let app = &self.0.app;
        let mut who = self.foreign(rule, parts).await?;
        if who.is_none() {
            let care = if parts.method.is_safe() { Care::Read } else { Care::Write };
            who = app.authenticator.authenticate(&parts.headers, care).await?.map(Who::Own);
        }
        if let Some(Who::Own(verified)) = &who {
            app.authenticator.check_network(verified, arrival.ip)?;
        }
        match &who {
            Some(who) => limits::check_person(app, who.limit_key())?,
            None if rule.auth == Auth::Required => return Err(Problem::of(Code::Unauthenticated).into()),
            None => {}
        }
        Ok(who)
    }

    /// Somebody of another issuer, if the token says it is of one that the route takes.
    async fn foreign(&self, rule: &Rule, parts: &Parts) -> Result<Option<Who>, Failure> {
        if rule.issuers.is_empty() {
            return Ok(None);
        }
        let Some(token) = bearer(&parts.headers)? else { return Ok(None) };
        let Some(claimed) = foreign::claimed_issuer(token) else { return Ok(None) };
        match rule.issuers.iter().find(|issuer| issuer.spec.issuer == claimed) {
            Some(issuer) => Ok(Some(Who::Foreign(issuer.verify(token, self.0.app.clock.now()).await?))),
            None => Ok(None),
        }
    }

    /// Counts the request with the limits of the route.
    async fn count(&self, rule: &Rule, who: Option<&Who>, arrival: &Arrival) -> Result<Vec<Fields>, Failure> {
        let app = &self.0.app;
        if rule.spec.limits.is_empty() || !app.config.limits.enabled {
            return Ok(Vec::new());
        }
        let person = who.map(Who::user);
        let service_account = person.as_deref().filter(|_| who.is_some_and(Who::is_service_account));
        let keys = Keys { ip: arrival.ip, person: person.as_deref(), service_account };
        let mut passed = Vec::with_capacity(rule.spec.limits.len());
        for limit in &rule.spec.limits {
            let fields = limit.check(&app.cache, &keys).await;
            let fields = fields.map_err(|failure| told_failure(failure, &passed))?;
            if fields.is_beyond {
                arrival.observed.note();
            }
            passed.push(fields);
        }
        Ok(passed)
    }

    /// Reads the body of a request whose route it decides on; the request is whole afterwards. What is not JSON, is longer
    /// than bodies may be, or says something twice has no members: another route at the same path may take it as it is.
    pub(super) async fn read_deciding_body(
        &self,
        request: Request<Body>,
        arrival: &Arrival,
    ) -> Result<(Request<Body>, Value), Failure> {
        self.0.admit_address(arrival)?;
        if !is_json(request.headers()) {
            return Ok((request, Value::Null));
        }
        let (parts, body) = request.into_parts();
        let (body, whole) = body::peek(self.0.app.config.body_limit, &parts.headers, body).await?;
        let value = whole.map_or(Value::Null, |bytes| unambiguous(&bytes));
        Ok((Request::from_parts(parts, body), value))
    }
}

/// The answer to a request that was counted, with what the limits of its route say; a failure has it too.
fn told(answer: Result<Response, Failure>, limits: &[Fields]) -> Result<Response, Failure> {
    let mut response = answer.map_err(|failure| told_failure(failure, limits))?;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response.extensions_mut().insert(told_failure(failure, limits));
        return Ok(response);
    }
    for fields in limits {
        fields.add_to(response.headers_mut());
    }
    Ok(response)
}

fn told_failure(failure: Failure, limits: &[Fields]) -> Failure {
    limits.iter().fold(failure, |failure, fields| fields.add_to_failure(failure))
}

fn is_preflight(request: &Request<Body>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// A preflight as a browser sends it: nobody has asked who comes, so nothing is in it that an upstream could act on.
fn bare(request: Request<Body>) -> Request<Body> {
    let (mut parts, _) = request.into_parts();
    for name in [AUTHORIZATION, COOKIE].into_iter().chain(OTHER_METHODS) {
        parts.headers.remove(name);
    }
    Request::from_parts(parts, Body::empty())
}

/// Refuses who lacks what the route asks for.
fn check_rights(rule: &Rule, who: Option<&Who>) -> Result<(), Problem> {
    let access = &rule.spec.access;
    if access.permissions.is_empty() && access.roles.is_empty() {
        return Ok(());
    }
    let Some(who) = who else { return Err(Problem::of(Code::Unauthenticated)) };
    let has_role = access.roles.is_empty() || access.roles.iter().any(|role| who.roles().contains(role));
    let may = access.permissions.iter().all(|permission| who.may(permission, &rule.grants));
    if has_role && may { Ok(()) } else { Err(Problem::of(Code::Forbidden)) }
}
