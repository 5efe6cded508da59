//! `[[gateway.upstreams]]`: other services that requests are passed on to.

use std::path::PathBuf;
use std::time::Duration;

use denizen_upstream::http::{
    BreakerSpec, ClientCertificate, ClusterSpec, HealthSpec, PassiveSpec, RateRule, TargetSpec, Timeouts,
    TlsSpec,
};
use http::HeaderName;
use serde::Deserialize;

use super::values::{Span, header_name};
use super::{Fields, Mistake};
use crate::proxy::forward::{HashOn, HostPolicy};

/// An upstream as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UpstreamSpec {
    pub(crate) cluster: ClusterSpec,
    pub(crate) host: HostPolicy,
    pub(crate) hash: HashOn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    url: String,
    #[serde(default = "one")]
    weight: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Health {
    path: String,
    interval: Option<Span>,
    timeout: Option<Span>,
    unhealthy_after: Option<u32>,
    healthy_after: Option<u32>,
    /// Statuses such as `200`, or ranges such as `"200-399"`.
    #[serde(default)]
    expect: Vec<Statuses>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Statuses {
    One(u16),
    Range(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passive {
    failures: Option<u32>,
    eject_for: Option<Span>,
    eject_at_most: Option<Span>,
    max_ejected: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Breaker {
    failures: Option<u32>,
    success_rate: Option<f64>,
    window: Option<Span>,
    minimum: Option<u32>,
    open_for: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    ca_file: Option<PathBuf>,
    server_name: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pool {
    max_idle: Option<usize>,
    idle_timeout: Option<Span>,
    max_http2: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    ratio: Option<f64>,
    floor: Option<u32>,
}

const fn one() -> u32 {
    1
}

// === impl UpstreamSpec ===

impl UpstreamSpec {
    /// Reads an upstream. Without a mistake it is whole; whether its parts go together its cluster knows.
    pub(crate) fn read(place: usize, table: toml::Table) -> (Option<Self>, Vec<Mistake>) {
        let mut fields = Fields::new("upstream", place, table);
        if fields.name == "denizen" {
            fields.mistake("name", "\"denizen\" is this system itself; take another name");
        }
        let mut cluster = ClusterSpec::new(fields.name.clone());
        read_targets(&mut fields, &mut cluster);
        if let Some(health) = fields.parse("health", Health::check) {
            cluster.health = Some(health);
        }
        cluster.passive = fields.take("passive").map(Passive::spec);
        cluster.breaker = fields.parse("breaker", Breaker::check);
        cluster.timeouts = read_timeouts(&mut fields);
        if let Some(protocol) = fields.parse("protocol", |text: String| text.parse()) {
            cluster.protocol = protocol;
        }
        cluster.tls = fields.parse("tls", Tls::check);
        read_sizes(&mut fields, &mut cluster);
        let hash = fields.parse("hash_on", |text: String| read_hash(&text)).unwrap_or_default();
        let host = fields.parse("host", |text: String| match text.as_str() {
            "original" => Ok(HostPolicy::Original),
            "target" => Ok(HostPolicy::Target),
            _ => Err(format!("{text:?}: write original or target")),
        });
        let mistakes = fields.finish();
        let spec = Self { cluster, host: host.unwrap_or_default(), hash };
        (mistakes.is_empty().then_some(spec), mistakes)
    }
}

fn read_targets(fields: &mut Fields, cluster: &mut ClusterSpec) {
    let is_there = fields.has("targets") || fields.has("discover");
    let targets: Vec<Target> = fields.take("targets").unwrap_or_default();
    cluster.targets =
        targets.into_iter().map(|target| TargetSpec { url: target.url, weight: target.weight }).collect();
    cluster.discover = fields.parse("discover", |text: String| {
        text.parse().map_err(|error: denizen_upstream::http::BadCluster| error.to_string())
    });
    if let Some(balance) = fields.parse("balance", |text: String| text.parse()) {
        cluster.balance = balance;
    }
    if !is_there {
        fields
            .mistake("targets", "each needs some, such as [{ url = \"http://10.0.0.7:9001\" }], or discover");
    }
}

fn read_timeouts(fields: &mut Fields) -> Timeouts {
    let defaults = Timeouts::default();
    let mut time = |key, default: Duration| fields.take(key).map_or(default, |Span(time)| time);
    let (connect, head) = (time("connect_timeout", defaults.connect), time("timeout", defaults.head));
    let idle = fields.take("idle_timeout").map(|Span(time)| time).or(defaults.idle);
    Timeouts { connect, head, idle: idle.filter(|idle| !idle.is_zero()) }
}

fn read_sizes(fields: &mut Fields, cluster: &mut ClusterSpec) {
    if let Some(pool) = fields.take::<Pool>("pool") {
        let defaults = cluster.pool;
        cluster.pool.max_idle = pool.max_idle.unwrap_or(defaults.max_idle);
        cluster.pool.idle_timeout = pool.idle_timeout.map_or(defaults.idle_timeout, |Span(time)| time);
        cluster.pool.max_http2 = pool.max_http2.unwrap_or(defaults.max_http2);
    }
    if let Some(budget) = fields.take::<Budget>("retry_budget") {
        let defaults = cluster.budget;
        cluster.budget.ratio = budget.ratio.unwrap_or(defaults.ratio);
        cluster.budget.floor = budget.floor.unwrap_or(defaults.floor);
    }
}

/// What consistent hashing goes by: `ip`, `user`, `path`, `header:<name>` or `cookie:<name>`.
fn read_hash(text: &str) -> Result<HashOn, String> {
    match (text, text.split_once(':')) {
        ("ip", _) => Ok(HashOn::Ip),
        ("user", _) => Ok(HashOn::User),
        ("path", _) => Ok(HashOn::Path),
        (_, Some(("header", name))) => header_name(name).map(|name: HeaderName| HashOn::Header(name)),
        (_, Some(("cookie", name))) if !name.is_empty() => Ok(HashOn::Cookie(name.to_owned())),
        _ => Err(format!("{text:?}: write ip, user, path, header:<name> or cookie:<name>")),
    }
}

// === impl Health ===

impl Health {
    fn check(self) -> Result<HealthSpec, String> {
        let defaults = HealthSpec::default();
        if !self.path.starts_with('/') {
            return Err(format!("path: {:?}: write a path such as /health", self.path));
        }
        let expect = self.expect.iter().map(Statuses::range).collect::<Result<Vec<_>, _>>()?;
        Ok(HealthSpec {
            path: self.path,
            interval: self.interval.map_or(defaults.interval, |Span(time)| time),
            timeout: self.timeout.map_or(defaults.timeout, |Span(time)| time),
            unhealthy_after: self.unhealthy_after.unwrap_or(defaults.unhealthy_after),
            healthy_after: self.healthy_after.unwrap_or(defaults.healthy_after),
            expect: if expect.is_empty() { defaults.expect } else { expect },
        })
    }
}

// === impl Statuses ===

impl Statuses {
    fn range(&self) -> Result<std::ops::RangeInclusive<u16>, String> {
        let wrong = |text: &str| format!("expect: {text:?}: write statuses such as 200 or \"200-399\"");
        match self {
            Self::One(status) => Ok(*status..=*status),
            Self::Range(text) => {
                let (low, high) = text.split_once('-').ok_or_else(|| wrong(text))?;
                let read = |part: &str| part.trim().parse::<u16>().map_err(|_| wrong(text));
                Ok(read(low)?..=read(high)?)
            }
        }
    }
}

// === impl Passive ===

impl Passive {
    fn spec(self) -> PassiveSpec {
        let defaults = PassiveSpec::default();
        PassiveSpec {
            failures: self.failures.unwrap_or(defaults.failures),
            eject_for: self.eject_for.map_or(defaults.eject_for, |Span(time)| time),
            eject_at_most: self.eject_at_most.map_or(defaults.eject_at_most, |Span(time)| time),
            max_ejected: self.max_ejected.unwrap_or(defaults.max_ejected),
        }
    }
}

// === impl Breaker ===

impl Breaker {
    fn check(self) -> Result<BreakerSpec, String> {
        let defaults = BreakerSpec::default();
        let has_rate_parts = self.window.is_some() || self.minimum.is_some();
        let rate = match self.success_rate {
            Some(at_least) => Some(RateRule {
                at_least,
                window: self.window.map_or(Duration::from_secs(10), |Span(time)| time),
                minimum: self.minimum.unwrap_or(20),
            }),
            None if has_rate_parts => return Err("window and minimum belong to success_rate".to_owned()),
            None => None,
        };
        Ok(BreakerSpec {
            failures: self.failures.unwrap_or(if rate.is_some() { 0 } else { defaults.failures }),
            rate,
            open_for: self.open_for.map_or(defaults.open_for, |Span(time)| time),
        })
    }
}

// === impl Tls ===

impl Tls {
    fn check(self) -> Result<TlsSpec, String> {
        let client = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => return Err("certificate and key go together".to_owned()),
        };
        Ok(TlsSpec { ca_file: self.ca_file, server_name: self.server_name, client })
    }
}
