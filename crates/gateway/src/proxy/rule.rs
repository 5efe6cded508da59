//! One compiled route.

use std::collections::HashMap;
use std::sync::Arc;

use denizen_kit::caller::Permissions;
use denizen_kit::time::Timestamp;
use denizen_upstream::http::Cluster;
use http::header::LINK;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use super::aggregate::Aggregate;
use super::forward::ForwardPolicy;
use super::issuers::Issuer;
use super::matching::Captures;
use super::spec::access::Auth;
use super::spec::answers::CorsSpec;
use super::spec::grant::Grants;
use super::spec::route::RouteSpec;
use super::spec::upstream::UpstreamSpec;
use super::transform::RequestTransform;
use crate::edge::shed::Concurrency;
use crate::edge::table::Stats;

/// The methods of a route that takes any.
const EVERY: HeaderValue = HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");

/// A route in force.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) spec: RouteSpec,
    pub(crate) target: Target,
    pub(crate) auth: Auth,
    pub(crate) issuers: Vec<Issuer>,
    /// How many may be answered at once.
    pub(crate) concurrency: Option<Concurrency>,
    /// Permissions that whoever comes by it has for this one request.
    pub(crate) lent: Permissions,
    pub(crate) grants: Arc<Grants>,
    pub(crate) cors: Option<Cors>,
    /// Its methods, for `Allow`.
    pub(crate) allow: HeaderValue,
    /// `Deprecation`, `Sunset` and `Link`, for every answer.
    pub(crate) notices: Notices,
    pub(crate) stats: Stats,
}

/// Where a route leads.
#[derive(Debug)]
pub(crate) enum Target {
    /// This system's own REST face.
    Own,
    /// An upstream, and how requests are passed on to it.
    Upstream(Box<(Upstream, ForwardPolicy)>),
    /// Several at once; the upstreams among them by name.
    Aggregate(Arc<Aggregate>, HashMap<String, (Upstream, ForwardPolicy)>),
}

/// An upstream in force.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) spec: UpstreamSpec,
    pub(crate) cluster: Cluster,
}

/// What pages of other origins are told, in the form of headers.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<String>,
    pub(crate) methods: HeaderValue,
    /// None: whatever is asked for.
    pub(crate) headers: Option<HeaderValue>,
    pub(crate) expose: Option<HeaderValue>,
    pub(crate) credentials: bool,
    pub(crate) max_age: HeaderValue,
}

/// What is said of a route that will end.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) deprecation: Option<HeaderValue>,
    pub(crate) sunset: Option<HeaderValue>,
    pub(crate) link: Option<HeaderValue>,
}

// === impl Rule ===

impl Rule {
    pub(crate) fn new(spec: RouteSpec, target: Target, grants: Arc<Grants>, issuers: Vec<Issuer>) -> Self {
        let asks = !spec.access.permissions.is_empty() || !spec.access.roles.is_empty();
        // This system's own operations know whom they let in; an upstream may know nothing of it.
        let auth = spec.access.auth.unwrap_or(match target {
            Target::Own if !asks => Auth::None,
            _ => Auth::Required,
        });
        let cors = spec.cors.as_ref().map(|cors| Cors::new(cors, &spec));
        let notices = Notices::new(&spec);
        let allow = allow(&spec.conditions.methods);
        let concurrency = spec.max_in_flight.map(|most| Concurrency::new(&spec.name, most));
        let stats = Stats::new(&spec.name, "any");
        Self {
            target,
            auth,
            issuers,
            concurrency,
            lent: Permissions::NONE,
            grants,
            cors,
            allow,
            notices,
            stats,
            spec,
        }
    }

    /// The path and query that the request has behind the route; none when they make no target.
    pub(crate) fn target(
        &self,
        path: &str,
        query: Option<&str>,
        captures: &Captures,
    ) -> Option<PathAndQuery> {
        let rewrite = &self.spec.rewrite;
        let path = match (&rewrite.path, &rewrite.strip_prefix) {
            (Some(template), _) => template.fill(captures),
            (None, Some(prefix)) => stripped(path, prefix),
            (None, None) => path.to_owned(),
        };
        let target = match query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        PathAndQuery::try_from(target).ok()
    }

    /// Whether OPTIONS reaches an upstream as such.
    pub(crate) fn passes_options(&self) -> bool {
        let is_changed = self.spec.request.as_ref().is_some_and(RequestTransform::changes_method);
        matches!(self.target, Target::Upstream(_)) && self.spec.rewrite.method.is_none() && !is_changed
    }

    /// Whether requests are answered 410 by now.
    pub(crate) fn is_gone(&self, now: Timestamp) -> bool {
        let life = &self.spec.life;
        life.gone_after_sunset && life.sunset.is_some_and(|sunset| sunset <= now)
    }
}

/// The value of `Allow` for these methods; none of them means any.
pub(crate) fn allow(methods: &[Method]) -> HeaderValue {
    if methods.is_empty() {
        return EVERY;
    }
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    names.sort_unstable();
    names.dedup();
    HeaderValue::try_from(names.join(", ")).unwrap_or(EVERY)
}

/// The path without the segments of the prefix, if it begins with them.
fn stripped(path: &str, prefix: &str) -> String {
    match path.strip_prefix(prefix) {
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path.to_owned(),
    }
}

// === impl Cors ===

impl Cors {
    fn new(cors: &CorsSpec, spec: &RouteSpec) -> Self {
        let joined =
            |list: &[String]| HeaderValue::try_from(list.join(", ")).ok().filter(|value| !value.is_empty());
        let of_route: Vec<String> = spec.conditions.methods.iter().map(ToString::to_string).collect();
        let seconds = cors.max_age.map_or(600, |span| span.0.as_secs());
        Self {
            origins: cors.origins.clone(),
            methods: joined(&cors.methods).or_else(|| joined(&of_route)).unwrap_or(EVERY),
            headers: joined(&cors.headers),
            expose: joined(&cors.expose),
            credentials: cors.credentials,
            max_age: HeaderValue::from(seconds),
        }
    }

    /// What the answer says of an origin; none when it may not read the answer.
    pub(crate) fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }
}

// === impl Notices ===

impl Notices {
    fn new(spec: &RouteSpec) -> Self {
        let life = &spec.life;
        // RFC 9745 §2: a date of structured fields. RFC 8594 §3: an HTTP date.
        let deprecation = life.deprecated.map(|at| format!("@{}", at.as_second()));
        let sunset = life.sunset.map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        let link =
            life.link.as_ref().map(|link| format!("<{link}>; rel=\"deprecation\"; type=\"text/html\""));
        let value = |text: Option<String>| text.and_then(|text| HeaderValue::try_from(text).ok());
        Self { deprecation: value(deprecation), sunset: value(sunset), link: value(link) }
    }
    /// Says it in an answer.
    pub(crate) fn add_to(&self, map: &mut HeaderMap) {
        for (name, value) in [("deprecation", &self.deprecation), ("sunset", &self.sunset)] {
            if let Some(value) = value {
                map.insert(name, value.clone());
            }
        }
        if let Some(link) = &self.link {
            map.append(LINK, link.clone());
        }
    }
}
