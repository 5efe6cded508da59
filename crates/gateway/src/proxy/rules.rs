//! The compiled rules: one immutable value, made whole from what operators wrote, and swapped whole.

use std::collections::HashSet;
use std::sync::Arc;

use denizen_kit::time::Timestamp;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::matching::{Index, Verdict};
use super::rule::Rule;
use super::spec::grant::Grants;
use super::spec::route::{RouteSpec, TargetSpec};
use super::spec::{Mistake, Raw};
use crate::edge::path::Oddities;

/// All rules in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    operator: Arc<Routes>,
    dialects: Arc<Routes>,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) loaded: Option<Timestamp>,
}

/// Routes that are looked at together.
#[derive(Debug, Default)]
struct Routes {
    index: Index,
    list: Vec<Arc<Rule>>,
}

/// What is looked at to find a route.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) host: &'a str,
    /// In its normal form.
    pub(crate) path: &'a str,
    pub(crate) odd: Oddities,
    /// Of a preflight, the method that is asked for.
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
    /// Null for one that is no JSON; none while it has not been read.
    pub(crate) body: Option<&'a Value>,
    /// Whether the path is one of the system's own.
    pub(crate) is_built_in: bool,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Match {
    Rule(Arc<Rule>),
    /// Only the body can tell.
    NeedsBody,
    /// No route; these methods would have had one.
    Nothing(Vec<Method>),
}

// === impl Rules ===

impl Rules {
    /// Compiles what operators wrote. What has a mistake is left out.
    pub(crate) fn build(raw: Raw, mut mistakes: Vec<Mistake>, now: Timestamp) -> Self {
        let grants = Arc::new(Grants::read(raw.grants, &mut mistakes));
        let operator = Self::compile(raw.routes, &grants, &mut mistakes);
        let dialects = Self::compile(raw.dialects, &grants, &mut mistakes);
        let (operator, dialects) = (Arc::new(Routes::new(operator)), Arc::new(Routes::new(dialects)));
        Self { operator, dialects, mistakes, loaded: Some(now) }
    }

    /// Compiles routes that are looked at together.
    fn compile(
        tables: Vec<toml::Table>,
        grants: &Arc<Grants>,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Arc<Rule>> {
        let mut specs = Vec::with_capacity(tables.len());
        let mut names = HashSet::new();
        for (place, table) in tables.into_iter().enumerate() {
            let (spec, found) = RouteSpec::read(place + 1, table);
            mistakes.extend(found);
            let Some(spec) = spec else { continue };
            if names.insert(spec.name.clone()) {
                specs.push(spec);
            } else {
                mistakes.push(mistake(
                    &spec.name,
                    "name",
                    "another route has this name; the first one counts",
                ));
            }
        }
        let mut rules = Vec::with_capacity(specs.len());
        for spec in specs {
            if let TargetSpec::Upstream(name) = &spec.target {
                let detail =
                    format!("there is no upstream {name:?}; write it as one of [[gateway.upstreams]]");
                mistakes.push(mistake(&spec.name, "upstream", &detail));
                continue;
            }
            rules.push(Arc::new(Rule::new(spec, grants.clone())));
        }
        rules
    }

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

    /// The routes in the order of the file.
    pub(crate) fn routes(&self) -> &[Arc<Rule>] {
        &self.operator.list
    }

    /// Finds the route of a request.
    pub(crate) fn find(&self, seen: Seen<'_>) -> Match {
        match self.operator.find(seen) {
            Match::Nothing(mut methods) => match self.dialects.find(seen) {
                Match::Nothing(others) => {
                    methods.extend(others);
                    Match::Nothing(methods)
                }
                found => found,
            },
            found => found,
        }
    }
}

fn mistake(route: &str, key: &str, detail: &str) -> Mistake {
    Mistake { object: format!("route {route}"), key: key.to_owned(), detail: detail.to_owned() }
}

// === impl Routes ===

impl Routes {
    fn new(list: Vec<Arc<Rule>>) -> Self {
        let mut order: Vec<usize> = (0..list.len()).collect();
        // Stable: between equals the first in the file stays first.
        order.sort_by_key(|place| std::cmp::Reverse(list[*place].spec.conditions.weight()));
        let mut index = Index::default();
        for place in order {
            let spec = &list[place].spec;
            index.add(&spec.hosts, &spec.pattern, place);
        }
        Self { index, list }
    }

    fn find(&self, seen: Seen<'_>) -> Match {
        let mut methods = Vec::new();
        let mut needs_body = false;
        let found = self.index.find(seen.host, seen.path, &mut |place| {
            let spec = &self.list[place].spec;
            let conditions = &spec.conditions;
            let is_shut = seen.is_built_in && !spec.overrides;
            if is_shut || !seen.odd.within(spec.odd_paths) || !conditions.take_head(seen.headers, seen.query)
            {
                return Verdict::Next;
            }
            if !conditions.takes_method(seen.method) {
                methods.extend(conditions.methods.iter().cloned());
                return Verdict::Next;
            }
            needs_body = !conditions.body.is_empty() && seen.body.is_none();
            let is_taken = needs_body || seen.body.is_none_or(|body| conditions.take_body(body));
            if is_taken { Verdict::Take } else { Verdict::Next }
        });
        match found {
            Some(_) if needs_body => Match::NeedsBody,
            Some(place) => Match::Rule(self.list[place].clone()),
            None => Match::Nothing(methods),
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
