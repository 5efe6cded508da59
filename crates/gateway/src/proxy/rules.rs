//! The compiled rules: one immutable value, made whole from what operators wrote, and swapped whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use denizen_kit::time::Timestamp;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::matching::{Captures, Index, Verdict};
use super::rule::{Rule, Upstream};
use super::spec::Mistake;
use super::spec::grant::Grants;
use super::tls_files::TlsFiles;
use crate::edge::path::Oddities;

/// All rules in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) operator: Arc<Routes>,
    pub(crate) dialects: Arc<Routes>,
    pub(crate) upstreams: BTreeMap<String, Upstream>,
    /// What the upstreams were made with, beside what is written; also those that could not be made.
    pub(crate) tls_files: TlsFiles,
    pub(crate) grants: Arc<Grants>,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) loaded: Option<Timestamp>,
}

/// Routes that are looked at together.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    index: Index,
    /// Where the index leads: to a route of the list, by one of its patterns.
    ends: Vec<(usize, usize)>,
    /// Whether each may stand before a path of the system's own.
    overrides: bool,
    /// In the order of the file.
    pub(crate) list: Vec<Arc<Rule>>,
}

/// What is looked at to find a route.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) host: &'a str,
    /// In its normal form.
    pub(crate) path: &'a str,
    pub(crate) odd: Oddities,
    /// The method that is looked for: of a preflight and of a WebSocket over HTTP/2 another than the request's own.
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
    /// Null for one that is no JSON; none while it has not been read.
    pub(crate) body: Option<&'a Value>,
    /// Whether the path is one of the system's own.
    pub(crate) is_built_in: bool,
    /// Whether it only asks whether a browser may ask: it has neither headers nor body of the request to come.
    pub(crate) is_preflight: bool,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Match {
    /// A route, and what the pattern that fits captured of the path.
    Rule(Arc<Rule>, Captures),
    /// Only the body can tell.
    NeedsBody,
    /// No route; these methods would have had one.
    Nothing(Vec<Method>),
}

// === impl Rules ===

impl Rules {
    /// The same rules, with other mistakes: those of files that could not be read.
    pub(crate) fn with_mistakes(&self, mistakes: Vec<Mistake>) -> Self {
        Self { mistakes, ..self.clone() }
    }

    /// Says in the log what is in force and what is not.
    pub(crate) fn report(&self) {
        for Mistake { object, key, detail } in &self.mistakes {
            tracing::warn!(object, key, detail, "a mistake among the routes; what has it is left out");
        }
        if !self.is_empty() {
            tracing::info!(
                routes = self.operator.list.len(),
                mistakes = self.mistakes.len(),
                "routes are in force"
            );
        }
    }

    /// Whether there are no routes at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.operator.list.is_empty() && self.dialects.list.is_empty()
    }

    /// The route of a name.
    pub(crate) fn route(&self, name: &str) -> Option<&Rule> {
        let mut all = self.operator.list.iter().chain(&self.dialects.list);
        all.find(|rule| rule.spec.name == name).map(|rule| &**rule)
    }

    /// Whether the host of a request matters to any route.
    pub(crate) fn name_hosts(&self) -> bool {
        self.operator.index.names_hosts() || self.dialects.index.names_hosts()
    }

    /// Finds the route of a request.
    pub(crate) fn find(&self, seen: Seen<'_>) -> Match {
        match (self.operator.find(seen), &self.dialects) {
            (Match::Nothing(methods), dialects) if !dialects.list.is_empty() => match dialects.find(seen) {
                Match::Nothing(more) => Match::Nothing([methods, more].concat()),
                found => found,
            },
            (found, _) => found,
        }
    }
}

// === impl Routes ===

impl Routes {
    pub(crate) fn new(list: Vec<Arc<Rule>>, overrides: bool) -> Self {
        let mut order: Vec<usize> = (0..list.len()).collect();
        // Stable: between equals the first in the file stays first.
        order.sort_by_key(|place| {
            let spec = &list[*place].spec;
            std::cmp::Reverse((spec.conditions.weight(), spec.version.is_some()))
        });
        let mut index = Index::default();
        let mut ends = Vec::with_capacity(list.len());
        for place in order {
            let spec = &list[place].spec;
            for (which, pattern) in spec.patterns.iter().enumerate() {
                index.add(&spec.hosts, pattern, ends.len());
                ends.push((place, which));
            }
        }
        Self { index, ends, overrides, list }
    }

    fn find(&self, seen: Seen<'_>) -> Match {
        if self.list.is_empty() {
            return Match::Nothing(Vec::new());
        }
        let mut methods = Vec::new();
        let mut needs_body = false;
        let found = self.index.find(seen.host, seen.path, &mut |end| {
            let spec = &self.list[self.ends[end].0].spec;
            let conditions = &spec.conditions;
            if spec.version.as_ref().is_some_and(|version| !version.is_asked_for(seen.headers)) {
                return Verdict::Next;
            }
            let is_shut = seen.is_built_in && !spec.overrides && !self.overrides;
            let fits = if seen.is_preflight {
                conditions.take_query(seen.query)
            } else {
                conditions.take_head(seen.headers, seen.query)
            };
            if is_shut || !seen.odd.within(spec.odd_paths) || !fits {
                return Verdict::Next;
            }
            if !conditions.takes_method(seen.method) {
                methods.extend(conditions.methods.iter().cloned());
                return Verdict::Next;
            }
            needs_body = !seen.is_preflight && !conditions.body.is_empty() && seen.body.is_none();
            let is_taken = needs_body || seen.body.is_none_or(|body| conditions.take_body(body));
            if is_taken { Verdict::Take } else { Verdict::Next }
        });
        match found {
            Some(_) if needs_body => Match::NeedsBody,
            Some(end) => {
                let (place, which) = self.ends[end];
                let rule = self.list[place].clone();
                let captures = rule.spec.patterns[which].capture(seen.path);
                Match::Rule(rule, captures)
            }
            None => Match::Nothing(methods),
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
