//! The door for what takes a route: its addresses, its limits, who may come by it, and then this system's own face or an
//! upstream.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::caller::{Permission, Permissions, Person};
use denizen_kit::problem::{Code, Problem};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use http::{Method, Request, StatusCode, Uri};
use serde_json::Value;

use super::authenticate::Care;
use super::locate::allow;
use super::passage::Passage;
use super::table::Found;
use super::token::Verified;
use super::{Arrival, Edge, body, cors, limits, method_not_allowed, nothing_here};
use crate::faces::body::unambiguous;
use crate::faces::failure::Failure;
use crate::proxy::matching::Captures;
use crate::proxy::rule::Rule;
use crate::proxy::spec::access::{AccessSpec, Auth};
use crate::proxy::spec::route::TargetSpec;
use crate::proxy::transform::{Incoming, Params};

// === impl Edge ===

impl Edge {
    /// Answers what took a route.
    pub(super) async fn answer_routed(
        &self,
        request: Request<Body>,
        (rule, captures): (&Arc<Rule>, &Captures),
        arrival: &Arrival,
    ) -> Result<Response, Failure> {
        let app = &self.0.app;
        rule.spec.access.check_ip(arrival.ip)?;
        self.0.admit_address(arrival)?;
        if let Some(cors) = &rule.cors
            && is_preflight(&request)
        {
            return Ok(cors::preflight(request.headers(), cors));
        }
        if rule.spec.target == TargetSpec::Denizen && is_preflight(&request) {
            return Ok(self.answer_own_preflight(&request, rule));
        }
        if rule.is_gone(app.clock.now()) {
            let problem = Problem::not_found("this version has ended; see the Link of this answer");
            return Err(Failure::from(problem).with_status(StatusCode::GONE));
        }
        let (parts, body) = request.into_parts();
        let verified = self.authenticate_for(rule, &parts, arrival).await?;
        check_rights(rule, verified.as_deref().map(|verified| &*verified.person))?;
        let came = (parts.method.clone(), parts.uri.clone());
        let params: Params = captures.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        let request = rewritten(Request::from_parts(parts, body), rule, captures)?;
        let request = self.change_request(request, rule, &params).await?;
        let incoming = Incoming { method: came.0, uri: came.1, sent: request.uri().clone(), params };
        let arrival = Arrival { counted: true, ..arrival.clone() };
        let answer = self.answer_by_own_face(request, &arrival, verified.is_none()).await;
        self.change_answer(answer, rule, &incoming, &arrival).await
    }

    /// What pages of other origins may send to this system's own face, by the settings for all of it.
    fn answer_own_preflight(&self, request: &Request<Body>, rule: &Rule) -> Response {
        let origins = &self.0.app.config.cors_origins;
        let origin = cors::allowed_origin(request.headers().get(ORIGIN), origins);
        let allow = allow(rule.spec.conditions.methods.clone());
        cors::options(request.headers(), &allow, origin.as_ref())
    }

    /// Whom the request's token names, as far as the route wants to know.
    async fn authenticate_for(
        &self,
        rule: &Rule,
        parts: &Parts,
        arrival: &Arrival,
    ) -> Result<Option<Arc<Verified>>, Failure> {
        if rule.auth == Auth::None {
            return Ok(None);
        }
        let app = &self.0.app;
        let care = if parts.method.is_safe() { Care::Read } else { Care::Write };
        let verified = app.authenticator.authenticate(&parts.headers, care).await?;
        match &verified {
            Some(verified) => {
                app.authenticator.check_network(verified, arrival.ip)?;
                limits::check_person(app, &verified.limit_key)?;
            }
            None if rule.auth == Auth::Required => return Err(Problem::of(Code::Unauthenticated).into()),
            None => {}
        }
        Ok(verified)
    }

    /// Hands the request to the operation that its path now names. All rules of that operation hold, as if it had been
    /// asked for itself.
    async fn answer_by_own_face(
        &self,
        request: Request<Body>,
        arrival: &Arrival,
        counts_person: bool,
    ) -> Result<Response, Failure> {
        let inner = &*self.0;
        match inner.table.find(request.uri().path(), request.method()) {
            Found::Endpoint(_, endpoint) => {
                let passage = Passage { app: &inner.app, endpoint, arrival, counts_person };
                inner.pass(passage.admit(request).await?).await
            }
            Found::Method(route) => Err(method_not_allowed(&route.allow)),
            Found::Nothing => Err(nothing_here()),
        }
    }

    /// Reads the body of a request whose route it decides on: with it, the request is whole again. What is no JSON has no
    /// members.
    pub(super) async fn read_deciding_body(
        &self,
        request: Request<Body>,
        arrival: &Arrival,
    ) -> Result<(Request<Body>, Value), Failure> {
        self.0.admit_address(arrival)?;
        let (parts, body) = request.into_parts();
        let bytes = body::read(&self.0.app.config, body::Takes::Json, &parts.headers, body).await?;
        let value = unambiguous(&bytes)?;
        Ok((Request::from_parts(parts, Body::from(bytes)), value))
    }
}

fn is_preflight(request: &Request<Body>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The request with the method and path that the route gives it.
fn rewritten(mut request: Request<Body>, rule: &Rule, captures: &Captures) -> Result<Request<Body>, Problem> {
    let no_target = || Problem::malformed("the path cannot be passed on; send it plainly");
    let uri = request.uri();
    let target = rule.target(uri.path(), uri.query(), captures).ok_or_else(no_target)?;
    *request.uri_mut() = Uri::from(target);
    if let Some(method) = &rule.spec.rewrite.method {
        *request.method_mut() = method.clone();
    }
    Ok(request)
}

/// Refuses who lacks what the route asks for.
fn check_rights(rule: &Rule, person: Option<&Person>) -> Result<(), Problem> {
    let access = &rule.spec.access;
    if access.permissions.is_empty() && access.roles.is_empty() {
        return Ok(());
    }
    let Some(person) = person else { return Err(Problem::of(Code::Unauthenticated)) };
    // Administrators have every permission, those of the operator's own too.
    let has_all = person.permissions == Permissions::all();
    let has = |name: &String| {
        let own = Permission::parse(name).is_some_and(|permission| person.permissions.has(permission));
        has_all || own || rule.grants.allow(&person.roles, name)
    };
    let has_role = access.roles.is_empty() || access.roles.iter().any(|role| person.roles.contains(role));
    if has_role && access.permissions.iter().all(has) { Ok(()) } else { Err(Problem::of(Code::Forbidden)) }
}

// === impl AccessSpec ===

impl AccessSpec {
    /// Refuses an address that the route does not let in.
    fn check_ip(&self, ip: Option<IpAddr>) -> Result<(), Problem> {
        let is_in = |list: &[crate::edge::client::Network]| {
            ip.is_some_and(|ip| list.iter().any(|network| network.contains(ip)))
        };
        let is_let_in = self.ip_allow.is_empty() || is_in(&self.ip_allow);
        if is_let_in && !is_in(&self.ip_deny) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "requests from this address are not answered at this path"))
    }
}
