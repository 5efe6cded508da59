//! Aggregation as it stands in a route: `aggregate = [{ name = "user", upstream = "denizen", path = "/api/v1/users/me" }]`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use denizen_kit::config::parse_duration;
use http::{HeaderName, Method};
use serde::Deserialize;

use super::super::transform::{At as _, Message, Mistake, PathTemplate, Pointer, QueryRules, Scope};
use super::{Aggregate, Part};

/// Most parts of a route: each is a request of its own.
const MOST_PARTS: usize = 10;

/// How long a part may take unless it says otherwise.
const TIMEOUT: &str = "5s";

/// The parts of a route.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct AggregateSpec(Vec<PartSpec>);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartSpec {
    name: String,
    upstream: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    method: Option<String>,
    timeout: Option<String>,
    #[serde(default)]
    optional: bool,
    pick: Option<String>,
    #[serde(default)]
    merge_root: bool,
    #[serde(default)]
    lead: bool,
    #[serde(default)]
    headers: Vec<String>,
}

// === impl AggregateSpec ===

impl AggregateSpec {
    /// Compiles the parts; `captured` are the names in the pattern of the route's path.
    pub(crate) fn compile(&self, captured: &[String]) -> Result<Aggregate, Mistake> {
        self.compile_parts(captured).at("aggregate")
    }

    fn compile_parts(&self, captured: &[String]) -> Result<Aggregate, Mistake> {
        if self.0.is_empty() || self.0.len() > MOST_PARTS {
            return Err(Mistake::new(format!("{} parts; write 1 to {MOST_PARTS}", self.0.len())));
        }
        let mut names = BTreeSet::new();
        let mut parts = Vec::with_capacity(self.0.len());
        for (place, spec) in self.0.iter().enumerate() {
            let at = format!("[{place}]");
            if !names.insert(spec.name.as_str()) {
                let said = format!("`{}` is the name of another part; write another", spec.name);
                return Err(Mistake::new(said).below("name").below(&at));
            }
            parts.push(spec.compile(captured).at(&at)?);
        }
        if parts.iter().filter(|part| part.leads).count() > 1 {
            return Err(Mistake::new(
                "two parts have `lead = true`; write it at the one whose status is to be that of the answer",
            ));
        }
        Ok(Aggregate { parts })
    }
}

// === impl PartSpec ===

impl PartSpec {
    fn compile(&self, captured: &[String]) -> Result<Part, Mistake> {
        let scope = Scope { of: Message::Head, captured };
        if self.name.is_empty() || self.name == "errors" || !self.name.bytes().all(is_plain) {
            let said = format!(
                "`{}` is no name of a part; write letters, digits, - and _, but not `errors`",
                self.name
            );
            return Err(Mistake::new(said).below("name"));
        }
        if self.upstream.is_empty() {
            return Err(Mistake::new("write the name of an upstream, or denizen").below("upstream"));
        }
        if self.optional && self.lead {
            return Err(Mistake::new(
                "a part that may be missing gives no status; leave out `lead` or `optional`",
            )
            .below("lead"));
        }
        Ok(Part {
            name: self.name.clone(),
            upstream: self.upstream.clone(),
            method: self.method.as_deref().map_or(Ok(Method::GET), method).at("method")?,
            path: PathTemplate::parse(&self.path, scope).at("path")?,
            query: QueryRules::of_own(&self.query, scope).at("query")?,
            timeout: duration(self.timeout.as_deref().unwrap_or(TIMEOUT)).at("timeout")?,
            is_optional: self.optional,
            pick: self.pick.as_deref().map(Pointer::below_root).transpose().at("pick")?,
            is_merged: self.merge_root,
            leads: self.lead,
            headers: self.headers.iter().map(|name| header(name)).collect::<Result<_, _>>().at("headers")?,
        })
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A part only reads: answers of a part that writes could not be taken back when another fails.
fn method(text: &str) -> Result<Method, Mistake> {
    match text {
        "GET" => Ok(Method::GET),
        "HEAD" => Err(Mistake::new("the answer to HEAD has nothing to merge; leave it out")),
        _ => Err(Mistake::new(format!("`{text}`: parts only read; write \"GET\" or leave it out"))),
    }
}

fn duration(text: &str) -> Result<Duration, Mistake> {
    match parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err(Mistake::new("no part answers at once; write a duration such as \"2s\"")),
        Err(said) => Err(Mistake::new(format!("`{text}`: {said}"))),
    }
}

/// A header that a part may give to the whole: none that tells of the part's own body.
fn header(text: &str) -> Result<HeaderName, Mistake> {
    let said = || {
        Mistake::new(format!("`{text}` is no header of a part to pass on; write one such as x-total-count"))
    };
    let name: HeaderName = text.parse().map_err(|_| said())?;
    let of_the_body = name.as_str().starts_with("content-") || name.as_str().starts_with("x-denizen-");
    let others = ["connection", "transfer-encoding", "etag", "last-modified", "cache-control", "vary", "age"];
    if of_the_body || others.contains(&name.as_str()) { Err(said()) } else { Ok(name) }
}
