//! All routes, by which a request is known before anything else is done with it: what the door must know of each, and
//! its figures.

use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderValue, Method};
use metrics::{Counter, Histogram};

use super::body::Takes;
use super::losses::Loss;

/// Statuses that are counted each; all others count as 0.
const STATUSES: [u16; 32] = [
    0, 101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410,
    412, 413, 415, 422, 429, 431, 500, 501, 502, 503, 504,
];

/// What kind of thing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// The API: JSON in, JSON out, never kept by a cache.
    Api,
    /// Pages and documents.
    Page,
    /// Health and metrics: never kept by a cache.
    Probe,
}

/// What the door must know of an operation.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "answers to questions of the door that have nothing to do with each other"
)]
pub(crate) struct Endpoint {
    method: Method,
    pub(crate) group: Group,
    /// Whether it counts with the requests of its address: all but what must answer at any load and asks nobody.
    pub(crate) is_counted: bool,
    /// Whether a token is not even looked at.
    pub(crate) is_public: bool,
    /// Whether nobody gets anything without a token.
    pub(crate) needs_token: bool,
    /// Whether it is a try to prove oneself, counted by address over all nodes.
    pub(crate) is_try: bool,
    /// What its body is.
    pub(crate) takes: Takes,
    /// Whether it changes something, or administers.
    pub(crate) is_grave: bool,
    /// What it may take away.
    pub(crate) loss: Option<Loss>,
    pub(crate) stats: Stats,
}

/// A path with its operations.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) template: String,
    pub(crate) endpoints: Vec<Endpoint>,
    /// The methods, for `Allow`.
    pub(crate) allow: HeaderValue,
}

/// The routes.
#[derive(Debug)]
pub(crate) struct Table {
    paths: matchit::Router<usize>,
    routes: Vec<Route>,
    pub(crate) unmatched: Stats,
}

/// What a path and a method lead to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// An operation.
    Endpoint(&'a Route, &'a Endpoint),
    /// A path that does not take the method.
    Method(&'a Route),
    /// Nothing.
    Nothing,
}

// === impl Table ===

impl Table {
    /// The table of these paths and methods.
    ///
    /// # Panics
    /// When two paths cannot be told apart, which the list of routes decides, not a request.
    pub(crate) fn new(list: &[(String, Vec<Method>)]) -> Self {
        let mut paths = matchit::Router::new();
        let mut routes = Vec::with_capacity(list.len());
        for (template, methods) in list {
            paths.insert(template.clone(), routes.len()).expect("the list of routes has each path once");
            routes.push(Route::new(template, methods));
        }
        Self { paths, routes, unmatched: Stats::new("none", "") }
    }

    /// Finds a path.
    pub(crate) fn route(&self, path: &str) -> Option<&Route> {
        self.paths.at(path).ok().and_then(|found| self.routes.get(*found.value))
    }

    /// Finds an operation; HEAD is GET without the body.
    pub(crate) fn find<'a>(&'a self, path: &str, method: &Method) -> Found<'a> {
        Self::find_at(self.route(path), method)
    }

    /// The same where the path has been found.
    pub(crate) fn find_at<'a>(route: Option<&'a Route>, method: &Method) -> Found<'a> {
        let Some(route) = route else { return Found::Nothing };
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let endpoint = route.endpoints.iter().find(|endpoint| endpoint.method == *method);
        endpoint.map_or(Found::Method(route), |endpoint| Found::Endpoint(route, endpoint))
    }
}

// === impl Route ===

impl Route {
    fn new(template: &str, methods: &[Method]) -> Self {
        let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        let allow = HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("GET"));
        let endpoints = methods.iter().map(|method| Endpoint::new(method, template)).collect();
        Self { template: template.to_owned(), endpoints, allow }
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn new(method: &Method, template: &str) -> Self {
        let group = match template {
            _ if template.starts_with("/api/") => Group::Api,
            "/metrics" => Group::Probe,
            _ if template.starts_with("/health") => Group::Probe,
            _ => Group::Page,
        };
        let administers = template.starts_with("/api/v1/admin/");
        Self {
            method: method.clone(),
            group,
            is_counted: group != Group::Probe || matches!(template, "/health" | "/health/database"),
            is_public: is_public(method, template),
            needs_token: !is_public(method, template) && !is_for_all(template),
            is_try: is_try(method, template),
            takes: Takes::of(method, template),
            is_grave: group == Group::Api && (!method.is_safe() || administers),
            loss: Loss::of(method, template),
            stats: Stats::new(template, method.as_str()),
        }
    }
}

/// Whether the operation is for those who have no token yet: an old one must not keep them out.
pub(crate) fn is_public(method: &Method, template: &str) -> bool {
    let Some(path) = template.strip_prefix("/api/v1") else { return true };
    let opens = [
        "/users",
        "/auth/login",
        "/auth/login/otp",
        "/auth/login/otp/resend",
        "/auth/refresh",
        "/auth/service-token",
        "/password/forgot",
        "/password/reset",
    ];
    *method == Method::POST && opens.contains(&path)
}

/// Whether the operation does something for callers without a token, too.
pub(crate) fn is_for_all(template: &str) -> bool {
    const OPTIONAL: [&str; 6] = [
        "/api/v1/users/{id}/exports/{export_id}/archive",
        "/api/v1/otp",
        "/api/v1/otp/validate",
        "/api/v1/password/strength",
        "/api/v1/email/verify/confirm",
        "/api/v1/auth/validate",
    ];
    OPTIONAL.contains(&template)
}

fn is_try(method: &Method, template: &str) -> bool {
    let tries = [
        "/api/v1/users",
        "/api/v1/auth/login",
        "/api/v1/auth/login/otp",
        "/api/v1/auth/login/otp/resend",
        "/api/v1/auth/step-up",
        "/api/v1/password/forgot",
        "/api/v1/password/reset",
        "/api/v1/email/verify/confirm",
        "/api/v1/otp",
        "/api/v1/otp/validate",
        "/api/v1/users/{id}/second-factor/confirm",
    ];
    *method == Method::POST && tries.contains(&template)
}

/// The figures of an operation, made when they are first needed.
#[derive(Debug)]
pub(crate) struct Stats {
    route: String,
    method: String,
    counts: [OnceLock<Counter>; STATUSES.len()],
    seconds: OnceLock<Histogram>,
}

// === impl Stats ===

impl Stats {
    pub(crate) fn new(route: &str, method: &str) -> Self {
        let counts = std::array::from_fn(|_| OnceLock::new());
        Self { route: route.to_owned(), method: method.to_owned(), counts, seconds: OnceLock::new() }
    }

    /// Counts one answer, and how long it took.
    pub(crate) fn record(&self, status: u16, took: Duration) {
        self.count(status);
        let seconds = self.seconds.get_or_init(|| {
            let (method, route) = (self.method.clone(), self.route.clone());
            metrics::histogram!("denizen_http_request_seconds", "method" => method, "route" => route)
        });
        seconds.record(took.as_secs_f64());
    }

    /// Counts one answer of which nobody knows how long it took.
    pub(crate) fn count(&self, status: u16) {
        let place = STATUSES.binary_search(&status).unwrap_or(0);
        let count = self.counts[place].get_or_init(|| {
            let (method, route) = (self.method.clone(), self.route.clone());
            metrics::counter!("denizen_http_requests_total", "method" => method, "route" => route, "status" => STATUSES[place].to_string())
        });
        count.increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(&[
            ("/api/v1/users".to_owned(), vec![Method::GET, Method::POST]),
            ("/api/v1/users/{id}".to_owned(), vec![Method::GET]),
            ("/health/live".to_owned(), vec![Method::GET]),
        ])
    }

    #[test]
    fn finds_by_path_and_method() {
        let table = table();
        assert!(matches!(table.find("/api/v1/users", &Method::HEAD), Found::Endpoint(..)));
        assert!(
            matches!(table.find("/api/v1/users", &Method::PUT), Found::Method(route) if route.allow == "GET, POST, HEAD, OPTIONS")
        );
        assert!(matches!(table.find("/api/v1/Users", &Method::GET), Found::Nothing));
        assert!(matches!(table.find("/api/v1/users/a/b", &Method::GET), Found::Nothing));
    }

    #[test]
    fn knows_what_the_door_must_know() {
        let table = table();
        let rules = |path, method: Method| match table.find(path, &method) {
            Found::Endpoint(_, endpoint) => {
                (endpoint.group, endpoint.is_public, endpoint.is_try, endpoint.is_grave)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(rules("/api/v1/users", Method::POST), (Group::Api, true, true, true));
        assert_eq!(rules("/api/v1/users", Method::GET), (Group::Api, false, false, false));
        assert_eq!(rules("/health/live", Method::GET), (Group::Probe, true, false, false));
    }

    #[test]
    fn statuses_are_sorted() {
        assert!(STATUSES.is_sorted());
    }
}
