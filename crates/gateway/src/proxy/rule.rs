//! One compiled route.

use std::sync::Arc;

use denizen_kit::time::Timestamp;
use http::header::LINK;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};

use super::matching::Captures;
use super::spec::access::Auth;
use super::spec::answers::CorsSpec;
use super::spec::grant::Grants;
use super::spec::route::{RouteSpec, TargetSpec};
use crate::edge::table::Stats;

/// A route in force.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) spec: RouteSpec,
    pub(crate) auth: Auth,
    pub(crate) grants: Arc<Grants>,
    pub(crate) cors: Option<Cors>,
    /// `Deprecation`, `Sunset` and `Link`, for every answer.
    pub(crate) notices: Notices,
    pub(crate) stats: Stats,
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
    pub(crate) fn new(spec: RouteSpec, grants: Arc<Grants>) -> Self {
        let asks = !spec.access.permissions.is_empty() || !spec.access.roles.is_empty();
        // This system's own operations know whom they let in; an upstream may know nothing of it.
        let auth = spec.access.auth.unwrap_or(match spec.target {
            TargetSpec::Denizen if !asks => Auth::None,
            _ => Auth::Required,
        });
        let cors = spec.cors.as_ref().map(|cors| Cors::new(cors, &spec));
        let notices = Notices::new(&spec);
        let stats = Stats::new(&spec.name, "any");
        Self { auth, grants, cors, notices, stats, spec }
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

    /// Whether requests are answered 410 by now.
    pub(crate) fn is_gone(&self, now: Timestamp) -> bool {
        let life = &self.spec.life;
        life.gone_after_sunset && life.sunset.is_some_and(|sunset| sunset <= now)
    }
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
        let every = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
        let seconds = cors.max_age.map_or(600, |span| span.0.as_secs());
        Self {
            origins: cors.origins.clone(),
            methods: joined(&cors.methods).or_else(|| joined(&of_route)).unwrap_or(every),
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
