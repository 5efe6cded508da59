//! Rules out of what operators wrote: objects are read, names looked up, and each route made with all its parts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use denizen_kit::task::Tasks;
use denizen_kit::time::Timestamp;
use denizen_upstream::http::Cluster;

use super::dialects::Dialects;
use super::forward::ForwardPolicy;
use super::issuers::Issuers;
use super::matching::Pattern;
use super::rule::{Rule, Target, Upstream};
use super::rules::{Routes, Rules};
use super::spec::grant::Grants;
use super::spec::route::{RouteSpec, TargetSpec};
use super::spec::upstream::UpstreamSpec;
use super::spec::{Mistake, Raw};
use super::tls_files::TlsFiles;
use crate::edge::table::Table;

/// What rules are made with, beside what operators wrote.
pub(crate) struct Maker<'a> {
    pub(crate) tasks: &'a Tasks,
    pub(crate) now: Timestamp,
    /// The rules in force: an upstream that stays as it is keeps its connections and what is known of its health.
    pub(crate) before: Option<&'a Rules>,
    pub(crate) issuers: &'a Issuers,
    pub(crate) dialects: &'a Dialects,
    /// The paths that this process serves itself.
    pub(crate) own: &'a Table,
}

/// What routes name, by name.
struct Named {
    upstreams: BTreeMap<String, Upstream>,
    grants: Arc<Grants>,
}

// === impl Maker ===

impl Maker<'_> {
    /// Compiles what operators wrote. What has a mistake is left out.
    pub(crate) fn build(&self, raw: Raw, mut mistakes: Vec<Mistake>) -> Rules {
        let grants = Arc::new(Grants::read(raw.grants, &mut mistakes));
        let (upstreams, tls_files) = self.upstreams(raw.upstreams, &mut mistakes);
        let named = Named { upstreams, grants };
        let operator = self.routes((raw.routes, false), &named, &mut mistakes);
        let dialects = self.routes((self.dialects.tables(), true), &named, &mut mistakes);
        Rules {
            operator: Arc::new(Routes::new(operator, false)),
            dialects: Arc::new(Routes::new(dialects, true)),
            upstreams: named.upstreams,
            tls_files,
            grants: named.grants,
            mistakes,
            loaded: Some(self.now),
        }
    }

    fn upstreams(
        &self,
        tables: Vec<toml::Table>,
        mistakes: &mut Vec<Mistake>,
    ) -> (BTreeMap<String, Upstream>, TlsFiles) {
        let (mut upstreams, mut files) = (BTreeMap::new(), TlsFiles::default());
        for (place, table) in tables.into_iter().enumerate() {
            let (spec, found) = UpstreamSpec::read(place + 1, table);
            mistakes.extend(found);
            let Some(spec) = spec else { continue };
            let name = spec.cluster.name.clone();
            if upstreams.contains_key(&name) {
                mistakes.push(mistake(
                    "upstream",
                    &name,
                    "name",
                    "another upstream has this name; the first one counts",
                ));
                continue;
            }
            // Before they are read: what changes meanwhile is found at the next look.
            files.look(&spec.cluster);
            let (cluster, detail) = self.cluster(&spec, &files);
            if let Some(detail) = detail {
                files.spoil(&name);
                mistakes.push(mistake("upstream", &name, "", &detail));
            }
            if let Some(cluster) = cluster {
                upstreams.insert(name, Upstream { spec, cluster });
            }
        }
        (upstreams, files)
    }

    /// The cluster that is there already, if it is to be the same, or a new one, and why there is no new one. A
    /// certificate is renewed file by file: until they go together, what was read before stays in force.
    fn cluster(&self, spec: &UpstreamSpec, files: &TlsFiles) -> (Option<Cluster>, Option<String>) {
        let name = &spec.cluster.name;
        let known = self.before.and_then(|before| Some((before.upstreams.get(name)?, &before.tls_files)));
        let same = known.filter(|(known, _)| known.spec.cluster == spec.cluster);
        if let Some((known, before)) = same
            && before.agree(files, name)
        {
            return (Some(known.cluster.clone()), None);
        }
        match Cluster::start(spec.cluster.clone(), self.tasks) {
            Ok(cluster) => (Some(cluster), None),
            Err(error) => (same.map(|(known, _)| known.cluster.clone()), Some(error.to_string())),
        }
    }

    /// The routes of the operator, or those of dialects.
    fn routes(
        &self,
        (tables, of_dialects): (Vec<toml::Table>, bool),
        named: &Named,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Arc<Rule>> {
        let mut routes = Vec::with_capacity(tables.len());
        let mut names = HashSet::new();
        for (place, table) in tables.into_iter().enumerate() {
            let (spec, found) = RouteSpec::read(place + 1, table);
            mistakes.extend(found);
            let Some(spec) = spec else { continue };
            if !names.insert(spec.name.clone()) {
                mistakes.push(mistake(
                    "route",
                    &spec.name,
                    "name",
                    "another route has this name; the first one counts",
                ));
                continue;
            }
            if !of_dialects && self.is_never_reached(&spec) {
                let path = spec.patterns[0].text();
                let detail =
                    format!("path: {path}: this system serves it itself; override = true stands before it");
                mistakes.push(mistake("route", &spec.name, "match", &detail));
                continue;
            }
            match target(&spec, named) {
                Ok(target) => {
                    let issuers = self.issuers.of(&spec.access.issuers, self.tasks);
                    let mut rule = Rule::new(spec, target, named.grants.clone(), issuers);
                    if of_dialects {
                        rule.lent = self.dialects.lent_to(&rule.spec.name);
                    }
                    routes.push(Arc::new(self.continued(rule)));
                }
                Err((key, detail)) => mistakes.push(mistake("route", &spec.name, key, &detail)),
            }
        }
        routes
    }
}

impl Maker<'_> {
    /// Whether no request could take the route: this process serves all its paths itself. What `gateway.operations`
    /// leaves out is not there, so a route may have its path.
    fn is_never_reached(&self, spec: &RouteSpec) -> bool {
        !spec.overrides
            && spec.patterns.iter().flat_map(Pattern::samples).all(|path| self.own.route(&path).is_some())
    }

    /// A route that stays goes on counting the requests it answers, and what its limits say.
    fn continued(&self, mut rule: Rule) -> Rule {
        let known = self.before.and_then(|rules| rules.route(&rule.spec.name));
        let Some(known) = known else { return rule };
        for (limit, before) in rule.spec.limits.iter_mut().zip(&known.spec.limits) {
            limit.go_on_from(before);
        }
        if known.spec.max_in_flight == rule.spec.max_in_flight {
            rule.concurrency.clone_from(&known.concurrency);
        }
        rule
    }
}

/// Where a route leads, its upstreams looked up.
fn target(spec: &RouteSpec, named: &Named) -> Result<Target, (&'static str, String)> {
    let upstream = |name: &str, key| {
        let missing =
            || (key, format!("there is no upstream {name:?}; write it as one of [[gateway.upstreams]]"));
        named.upstreams.get(name).cloned().ok_or_else(missing)
    };
    match &spec.target {
        TargetSpec::Denizen => Ok(Target::Own),
        TargetSpec::Upstream(name) => {
            let upstream = upstream(name, "upstream")?;
            let policy = policy(spec, &upstream);
            Ok(Target::Upstream(Box::new((upstream, policy))))
        }
        TargetSpec::Aggregate(aggregate) => {
            let mut upstreams = HashMap::new();
            for name in aggregate.upstreams().filter(|name| *name != "denizen") {
                let upstream = upstream(name, "aggregate")?;
                let policy = policy(spec, &upstream);
                upstreams.insert(name.to_owned(), (upstream, policy));
            }
            Ok(Target::Aggregate(aggregate.clone(), upstreams))
        }
    }
}

fn policy(spec: &RouteSpec, upstream: &Upstream) -> ForwardPolicy {
    ForwardPolicy {
        retries: spec.tries.retries,
        try_timeout: spec.tries.try_timeout,
        timeout: Some(spec.tries.timeout),
        host: upstream.spec.host,
        hash: upstream.spec.hash.clone(),
        ..ForwardPolicy::default()
    }
}

fn mistake(kind: &str, name: &str, key: &str, detail: &str) -> Mistake {
    Mistake { object: format!("{kind} {name}"), key: key.to_owned(), detail: detail.to_owned() }
}
