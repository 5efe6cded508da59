//! Where a request leads: the one table, in the order reserved paths, routes of the operator, dialects, own faces. It is
//! looked at with the path as it was sent; a slash at its end is dropped only when nothing is found with it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use denizen_kit::problem::{Code, Problem};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW};
use http::{HeaderValue, Method, Request, Uri};
use hyper::ext::Protocol;
use serde_json::Value;

use super::path::{self, Oddities};
use super::table::{Found, Group, Table};
use super::{Inner, host};
use crate::faces::failure::Failure;
use crate::proxy::matching::{Captures, canonical_host};
use crate::proxy::rule::{Rule, allow};
use crate::proxy::rules::{Match, Rules, Seen};
use crate::proxy::spec::RESERVED;

/// What a request leads to.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// One of this system's own paths, or nothing.
    Own(Found<'a>),
    /// A route.
    Routed(Arc<Rule>, Captures),
    /// A path of routes, none of which takes the method.
    Methods(HeaderValue),
    /// Only the body can tell.
    Undecided,
}

// === impl Place ===

impl Place<'_> {
    /// Whether nothing takes the request.
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Own(Found::Nothing) | Self::Methods(_))
    }

    /// The pattern of its path, where there is one.
    pub(super) fn template(&self) -> Option<&str> {
        match self {
            Self::Own(Found::Endpoint(route, _) | Found::Method(route)) => Some(&route.template),
            Self::Routed(_, captures) => Some(&captures.pattern),
            Self::Own(Found::Nothing) | Self::Methods(_) | Self::Undecided => None,
        }
    }

    /// Whether it is a probe.
    pub(super) fn is_probe(&self) -> bool {
        matches!(self, Self::Own(Found::Endpoint(_, endpoint)) if endpoint.group == Group::Probe)
    }
}

// === impl Inner ===

impl Inner {
    /// Finds out where a request leads, and puts its path into the form that was looked at.
    pub(super) fn locate(
        &self,
        request: &mut Request<Body>,
        by_socket: bool,
        body: Option<&Value>,
    ) -> Result<Place<'_>, Problem> {
        let target = (request.version(), request.uri());
        host::check_host(target, request.headers(), by_socket)?;
        let odd = path::examine(request.uri().path())?;
        if let Cow::Owned(normal) = path::normal(request.uri().path()) {
            set_path(request, &normal);
        }
        let rules = self.app.proxy.rules();
        if rules.is_empty() {
            return self.locate_own(request, odd);
        }
        self.locate_by(&rules, request, odd, body)
    }

    /// The same where there are no routes.
    fn locate_own(&self, request: &mut Request<Body>, odd: Oddities) -> Result<Place<'_>, Problem> {
        if !odd.is_none() {
            return Err(path::refused());
        }
        self.drop_slash(request);
        Ok(Place::Own(self.table.find(request.uri().path(), request.method())))
    }

    /// Takes the slash off the end of a path that is not known with it.
    pub(super) fn drop_slash(&self, request: &mut Request<Body>) {
        let sent = request.uri().path();
        if let Some(bare) = without_slash(sent)
            && self.table.route(sent).is_none()
        {
            let bare = bare.to_owned();
            set_path(request, &bare);
        }
    }

    fn locate_by(
        &self,
        rules: &Rules,
        request: &mut Request<Body>,
        odd: Oddities,
        body: Option<&Value>,
    ) -> Result<Place<'_>, Problem> {
        let sent = request.uri().path();
        let host = if rules.name_hosts() {
            canonical_host(host::authority(request.uri(), request.headers()))
        } else {
            String::new()
        };
        let look = |path: &str| self.look(rules, (&host, path, odd), request, body);
        let mut place = look(sent);
        let mut bare = None;
        if let Some(shorter) = without_slash(sent).filter(|_| place.is_nothing()) {
            let found = look(shorter);
            if !matches!(found, Place::Own(Found::Nothing)) {
                (place, bare) = (found, Some(shorter.to_owned()));
            }
        }
        if let Some(bare) = bare {
            set_path(request, &bare);
        }
        let is_own = matches!(place, Place::Own(_));
        if is_own && !odd.is_none() { Err(path::refused()) } else { Ok(place) }
    }

    /// Looks at the table with one form of the path.
    fn look(
        &self,
        rules: &Rules,
        (host, path, odd): (&str, &str, Oddities),
        request: &Request<Body>,
        body: Option<&Value>,
    ) -> Place<'_> {
        let route = self.table.route(path);
        let own = || Place::Own(Table::find_at(route, request.method()));
        let first = path[1..].split('/').next().unwrap_or_default();
        if RESERVED.contains(&first) {
            return own();
        }
        let is_built_in = route.is_some();
        let asked = asked_method(request);
        let method = asked.as_ref().unwrap_or(request.method());
        let (headers, query) = (request.headers(), request.uri().query());
        let is_preflight = *request.method() == Method::OPTIONS && asked.is_some();
        let seen = Seen { host, path, odd, method, headers, query, body, is_built_in, is_preflight };
        match rules.find(seen) {
            Match::Rule(rule, captures) => Place::Routed(rule, captures),
            Match::NeedsBody => Place::Undecided,
            Match::Nothing(methods) if !is_built_in && !methods.is_empty() => Place::Methods(allow(&methods)),
            Match::Nothing(_) => own(),
        }
    }
}

/// The refusal of a path that leads nowhere.
pub(super) fn nothing_here() -> Failure {
    Problem::not_found("there is nothing at this path; see /docs for what there is").into()
}

/// The refusal of a method that a path does not take.
pub(super) fn method_not_allowed(allow: &HeaderValue) -> Failure {
    Failure::from(Problem::of(Code::MethodNotAllowed)).with_header(ALLOW, allow.clone())
}

/// The method that is looked for in place of the request's own: of a preflight, the one it asks for (Fetch standard,
/// CORS-preflight request); of a WebSocket over HTTP/2, the one it would have over HTTP/1 (RFC 8441 §5).
fn asked_method(request: &Request<Body>) -> Option<Method> {
    match *request.method() {
        Method::OPTIONS => {
            let asked = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD)?;
            Method::from_bytes(asked.as_bytes()).ok()
        }
        Method::CONNECT => request.extensions().get::<Protocol>().map(|_| Method::GET),
        _ => None,
    }
}

fn without_slash(path: &str) -> Option<&str> {
    path.strip_suffix('/').filter(|bare| !bare.is_empty())
}

/// Puts another path into the request's target.
pub(super) fn set_path(request: &mut Request<Body>, path: &str) {
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = target.parse().ok().or(parts.path_and_query);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}
