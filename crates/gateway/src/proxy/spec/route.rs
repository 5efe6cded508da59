//! `[[gateway.routes]]`: one route, read and checked by itself. What it names of other objects is looked up later.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;

use super::access::AccessSpec;
use super::answers::{CorsSpec, Life};
use super::matches::Matched;
use super::values::{OneOrMany, Size, Span, method, plain_path};
use super::version::Version;
use super::{Fields, Mistake};
use crate::edge::limits::route::{RateLimitSpec, RouteLimit};
use crate::edge::path::Oddities;
use crate::proxy::aggregate::{Aggregate, AggregateSpec};
use crate::proxy::cache::{CachePolicy, CacheSpec};
use crate::proxy::matching::{Conditions, HostPattern, Pattern, Template};
use crate::proxy::transform::{RequestSpec, RequestTransform, ResponseSpec, ResponseTransform};

/// Most retries of one request.
const MAX_RETRIES: u32 = 10;

/// How often a request is sent again when a route does not say.
const RETRIES: u32 = 1;

/// How long an upstream's answer may take when a route does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Keys that are about how upstreams are asked.
const OF_UPSTREAMS: &[&str] = &["timeout", "try_timeout", "retries", "keep_authorization"];

/// Keys that say what the parts of an aggregate say themselves.
const OF_PARTS: &[&str] = &["method", "rewrite", "strip_prefix"];

/// What the parts of an aggregate say themselves, as those are told who say it for all.
const PARTS: &str =
    "each part of an aggregate has its own path, and is asked with GET and without a body; leave it out";

/// A route as it was read.
#[derive(Debug)]
pub(crate) struct RouteSpec {
    pub(crate) name: String,
    pub(crate) hosts: Vec<HostPattern>,
    /// One at least: the route takes what fits any of them.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) conditions: Conditions,
    pub(crate) target: TargetSpec,
    pub(crate) rewrite: Rewrite,
    pub(crate) access: AccessSpec,
    /// Whether it may stand before a path of the system's own.
    pub(crate) overrides: bool,
    pub(crate) odd_paths: Oddities,
    pub(crate) body_limit: Option<usize>,
    pub(crate) cors: Option<CorsSpec>,
    pub(crate) life: Life,
    pub(crate) tries: Tries,
    pub(crate) limits: Vec<RouteLimit>,
    pub(crate) max_in_flight: Option<usize>,
    pub(crate) cache: Option<Arc<CachePolicy>>,
    pub(crate) version: Option<Version>,
    pub(crate) request: Option<RequestTransform>,
    pub(crate) response: Option<ResponseTransform>,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TargetSpec {
    /// This system's own REST face.
    Denizen,
    /// An upstream, by name.
    Upstream(String),
    /// Several at once.
    Aggregate(Arc<Aggregate>),
}

/// What becomes of method and path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rewrite {
    pub(crate) method: Option<Method>,
    pub(crate) strip_prefix: Option<String>,
    pub(crate) path: Option<Template>,
}

/// How often and how long an upstream is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tries {
    pub(crate) retries: u32,
    /// From the request to the head of the answer, all tries together.
    pub(crate) timeout: Duration,
    pub(crate) try_timeout: Option<Duration>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OddPaths {
    encoded: bool,
    empty: bool,
    parameters: bool,
}

// === impl RouteSpec ===

impl RouteSpec {
    /// Reads a route. Without a mistake it is whole.
    pub(crate) fn read(place: usize, table: toml::Table) -> (Option<Self>, Vec<Mistake>) {
        let mut fields = Fields::new("route", place, table);
        let is_matched = fields.has("match");
        let matched = fields.parse("match", Matched::read);
        if !is_matched {
            fields.mistake("match", "each needs one, such as { path = \"/shop/{*rest}\" }");
        }
        let patterns = matched.as_ref().map(|matched| matched.patterns.as_slice()).unwrap_or_default();
        let captured = names_of_all(patterns);
        let target = read_target(&mut fields, &captured);
        let request =
            fields.parse("request", |spec: RequestSpec| read_request(&spec, &captured, target.as_ref()));
        let response = fields.parse("response", |spec: ResponseSpec| {
            ResponseTransform::compile(&spec, &captured).map_err(|mistake| mistake.to_string())
        });
        let rewrite = Rewrite::read(&mut fields, patterns);
        let access = AccessSpec::read(&mut fields);
        let odd: OddPaths = fields.take("odd_paths").unwrap_or_default();
        let odd_paths = Oddities { encoded: odd.encoded, empty: odd.empty, parameters: odd.parameters };
        let body_limit = fields
            .parse("body_limit", |Size(size)| usize::try_from(size).map_err(|_| "too large".to_owned()));
        let overrides = fields.take("override").unwrap_or_default();
        let cors = fields.parse("cors", CorsSpec::check);
        let life = Life::read(&mut fields);
        let version = fields.parse("version", Version::read);
        let name = fields.name.clone();
        let limits = fields.parse("rate_limit", |specs: OneOrMany<RateLimitSpec>| read_limits(&name, specs));
        let cache = fields.parse("cache", |spec: CacheSpec| CachePolicy::compile(&name, &spec).map(Arc::new));
        let max_in_flight = fields.take("max_in_flight");
        let tries = Tries::read(&mut fields);
        if target == Some(TargetSpec::Denizen) {
            check_own(&mut fields, odd_paths, cache.as_deref());
        }
        let mistakes = fields.finish();
        let (Some(matched), Some(target), []) = (matched, target, mistakes.as_slice()) else {
            return (None, mistakes);
        };
        let Matched { hosts, patterns, conditions } = matched;
        let spec = Self {
            limits: limits.unwrap_or_default(),
            max_in_flight,
            cache,
            version,
            request,
            response,
            name,
            hosts,
            patterns,
            conditions,
            target,
            rewrite,
            access,
            overrides,
            odd_paths,
            body_limit,
            cors,
            life,
            tries,
        };
        (Some(spec), mistakes)
    }
}

/// Notes what has no meaning for a route to this system itself.
fn check_own(fields: &mut Fields, odd_paths: Oddities, cache: Option<&CachePolicy>) {
    if !odd_paths.is_none() {
        fields.mistake("odd_paths", "this system's own paths are never odd; leave it out");
    }
    if cache.is_some() {
        fields.mistake("cache", "what this system answers itself is never kept; leave it out");
    }
}

/// The names of what each of the patterns captures.
fn names_of_all(patterns: &[Pattern]) -> Vec<String> {
    let mut names = patterns.first().map(Pattern::names).unwrap_or_default();
    names.retain(|name| patterns.iter().all(|pattern| pattern.names().contains(name)));
    names
}

fn read_limits(route: &str, specs: OneOrMany<RateLimitSpec>) -> Result<Vec<RouteLimit>, String> {
    let specs = specs.into_vec();
    specs.iter().enumerate().map(|(place, spec)| RouteLimit::compile(route, place, spec)).collect()
}

/// What the route changes in requests. All parts of an aggregate get its headers, and see its query.
fn read_request(
    spec: &RequestSpec,
    captured: &[String],
    target: Option<&TargetSpec>,
) -> Result<RequestTransform, String> {
    let transform = RequestTransform::compile(spec, captured).map_err(|mistake| mistake.to_string())?;
    let is_aggregate = matches!(target, Some(TargetSpec::Aggregate(_)));
    match transform.beyond_head().filter(|_| is_aggregate) {
        Some(key) => Err(format!("request.{key}: {PARTS}")),
        None => Ok(transform),
    }
}

fn read_target(fields: &mut Fields, captured: &[String]) -> Option<TargetSpec> {
    let (is_one, is_several) = (fields.has("upstream"), fields.has("aggregate"));
    let name: Option<String> = fields.take("upstream");
    let aggregate = fields.parse("aggregate", |spec: AggregateSpec| {
        spec.compile(captured).map_err(|mistake| mistake.to_string())
    });
    match (is_one, is_several) {
        (true, true) => {
            fields.mistake("aggregate", "a route leads to one upstream or to several; leave one out");
        }
        (false, false) => fields.mistake(
            "upstream",
            "each needs one: \"denizen\", or the name of one of [[gateway.upstreams]], or aggregate",
        ),
        _ => {}
    }
    let one =
        name.map(|name| if name == "denizen" { TargetSpec::Denizen } else { TargetSpec::Upstream(name) });
    let target = one.or_else(|| aggregate.map(|aggregate| TargetSpec::Aggregate(Arc::new(aggregate))));
    refuse_idle(fields, target.as_ref());
    target
}

/// Keys that would do nothing where the route leads are mistakes. They are looked for before they are read.
fn refuse_idle(fields: &mut Fields, target: Option<&TargetSpec>) {
    let (keys, said) = match target {
        Some(TargetSpec::Denizen) => {
            (OF_UPSTREAMS, "is about upstreams, and this route leads to this system itself; leave it out")
        }
        Some(TargetSpec::Aggregate(_)) => (OF_PARTS, PARTS),
        Some(TargetSpec::Upstream(_)) | None => return,
    };
    for key in keys {
        if fields.has(key) {
            fields.mistake(key, said);
        }
    }
}

// === impl Rewrite ===

impl Rewrite {
    fn read(fields: &mut Fields, patterns: &[Pattern]) -> Self {
        // Each of the patterns must capture what it names; then it is the same for all.
        let template = |text: String| {
            let each = patterns.iter().map(|pattern| Template::parse(&text, pattern));
            each.collect::<Result<Vec<_>, String>>().map(|mut each| each.pop())
        };
        let rewrite = Self {
            method: fields.parse("method", |name: String| method(&name)),
            strip_prefix: fields
                .parse("strip_prefix", plain_path)
                .map(|path| path.trim_end_matches('/').to_owned()),
            path: fields.parse("rewrite", template).flatten(),
        };
        if rewrite.path.is_some() && rewrite.strip_prefix.is_some() {
            fields.mistake("strip_prefix", "rewrite says the whole path; leave one of them out");
        }
        rewrite
    }
}

// === impl Tries ===

impl Tries {
    fn read(fields: &mut Fields) -> Self {
        let retries = fields.parse("retries", |count: u32| match count {
            0..=MAX_RETRIES => Ok(count),
            _ => Err(format!("at most {MAX_RETRIES}")),
        });
        Self {
            retries: retries.unwrap_or(RETRIES),
            timeout: fields.take("timeout").map_or(TIMEOUT, |Span(time)| time),
            try_timeout: fields.take("try_timeout").map(|Span(time)| time),
        }
    }
}
