//! The public form of the gateway.

use std::collections::BTreeMap;

use denizen_kit::time::Timestamp;
use denizen_upstream::http::ClusterStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::edge::limits::Counts;
use crate::edge::limits::route::RouteLimit;
use crate::edge::shed::InFlight;
use crate::proxy::rule::{Rule, Target};
use crate::proxy::rules::Rules;
use crate::proxy::spec::Mistake;
use crate::proxy::spec::access::Auth;
use crate::state::App;

/// How the gateway is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Gateway {
    /// When the routes in force were read.
    #[schema(value_type = Option<String>, format = DateTime)]
    loaded_at: Option<Timestamp>,
    /// How many routes are in force.
    routes: usize,
    /// How many routes of dialects are in force.
    dialect_routes: usize,
    /// How many upstreams are in force.
    upstreams: usize,
    /// What is wrong with what was read last. What has a mistake is left out.
    mistakes: Vec<RouteMistake>,
    /// Requests that are answered now.
    #[schema(value_type = Object)]
    in_flight: InFlight,
    /// How many requests limits have let pass, refused or only observed since the process began: those of the door by
    /// their settings, those of routes by the name of the route.
    #[schema(value_type = Object)]
    limits: Limits,
    /// How the cache of answers does.
    #[schema(value_type = Object)]
    cache: crate::proxy::cache::Status,
}

/// What limits have said.
#[derive(Debug, Serialize)]
struct Limits {
    door: BTreeMap<&'static str, Counts>,
    routes: BTreeMap<String, Counts>,
}

/// A mistake among routes and upstreams.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RouteMistake {
    /// Which object: `route orders`, `upstream shop`, or a file.
    object: String,
    /// The key; empty for the whole object.
    key: String,
    /// What is wrong and what to write instead.
    detail: String,
}

/// The routes in force, in the order in which they were read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Routes {
    items: Vec<RouteView>,
}

/// A route in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatewayRoute)]
pub(crate) struct RouteView {
    name: String,
    /// `operator` or `dialect`.
    origin: &'static str,
    /// The patterns of its paths.
    paths: Vec<String>,
    /// Its methods; empty for any.
    methods: Vec<String>,
    /// Where it leads: `denizen`, `aggregate`, or the name of an upstream.
    target: String,
    /// Whether a token is needed: `none`, `optional` or `required`.
    #[schema(value_type = String)]
    auth: Auth,
    /// Permissions that are needed.
    permissions: Vec<String>,
    /// Since when it is deprecated.
    #[schema(value_type = Option<String>, format = DateTime)]
    deprecated: Option<Timestamp>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    sunset: Option<Timestamp>,
    /// Requests that it answers now, where it has a limit.
    #[schema(value_type = Option<Object>)]
    in_flight: Option<InFlight>,
}

/// The upstreams in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Upstreams {
    /// Each with its targets, their health and load, its breaker and its counters.
    #[schema(value_type = Vec<Object>)]
    items: Vec<ClusterStatus>,
}

/// What was taken away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Purged {
    /// How many answers.
    purged: u64,
}

// === impl Purged ===

impl Purged {
    pub(crate) const fn of(purged: u64) -> Self {
        Self { purged }
    }
}

// === impl Gateway ===

impl Gateway {
    pub(crate) fn of(app: &App) -> Self {
        let rules = app.proxy.rules();
        Self {
            loaded_at: rules.loaded,
            routes: rules.operator.list.len(),
            dialect_routes: rules.dialects.list.len(),
            upstreams: rules.upstreams.len(),
            mistakes: rules.mistakes.iter().map(RouteMistake::from).collect(),
            in_flight: app.in_flight.status(),
            limits: Limits { door: app.tallies.counts(), routes: counts_of_routes(&rules) },
            cache: app.kept.status(),
        }
    }
}

/// What the limits of each route have said, those of one route together.
fn counts_of_routes(rules: &Rules) -> BTreeMap<String, Counts> {
    let all = rules.operator.list.iter().chain(&rules.dialects.list);
    let limited = all.filter_map(|rule| {
        let counts = rule.spec.limits.iter().map(RouteLimit::counts).reduce(Counts::and)?;
        Some((rule.spec.name.clone(), counts))
    });
    limited.collect()
}

impl From<&Mistake> for RouteMistake {
    fn from(mistake: &Mistake) -> Self {
        let Mistake { object, key, detail } = mistake.clone();
        Self { object, key, detail }
    }
}

// === impl Routes ===

impl Routes {
    pub(crate) fn of(rules: &Rules) -> Self {
        let of = |origin: &'static str| move |rule: &std::sync::Arc<Rule>| RouteView::of(rule, origin);
        let operator = rules.operator.list.iter().map(of("operator"));
        let dialects = rules.dialects.list.iter().map(of("dialect"));
        Self { items: operator.chain(dialects).collect() }
    }
}

// === impl RouteView ===

impl RouteView {
    fn of(rule: &Rule, origin: &'static str) -> Self {
        let spec = &rule.spec;
        let target = match &rule.target {
            Target::Own => "denizen",
            Target::Upstream(way) => &way.0.spec.cluster.name,
            Target::Aggregate(..) => "aggregate",
        };
        Self {
            name: spec.name.clone(),
            origin,
            paths: spec.patterns.iter().map(|pattern| pattern.text().to_string()).collect(),
            methods: spec.conditions.methods.iter().map(ToString::to_string).collect(),
            target: target.to_owned(),
            auth: rule.auth,
            permissions: spec.access.permissions.clone(),
            deprecated: spec.life.deprecated,
            sunset: spec.life.sunset,
            in_flight: rule.concurrency.as_ref().map(crate::edge::shed::Concurrency::status),
        }
    }
}

// === impl Upstreams ===

impl Upstreams {
    pub(crate) fn of(rules: &Rules) -> Self {
        Self { items: rules.upstreams.values().map(|upstream| upstream.cluster.status()).collect() }
    }
}
