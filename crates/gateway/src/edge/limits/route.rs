//! The limit of a route: `rate_limit = { quota = 100, window = "1m", burst = 20, per = "user" }`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use denizen_cache::{Cache, Quota};
use denizen_kit::config::parse_duration;
use http::HeaderValue;
use metrics::Counter;
use serde::Deserialize;

use super::fields::{Fields, Policy, RATE_LIMIT, RATE_LIMIT_POLICY};
use super::tally::{Counts, Tally};
use super::{ip_key, subnet_key};
use crate::faces::failure::Failure;

/// What counts together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Per {
    /// Requests of one person or service account; of nobody known, those of one address.
    #[default]
    User,
    /// Requests of one address (IPv6: of a /64).
    Ip,
    /// Requests of one service account; of others, those of one person or address.
    Key,
    /// All requests of the route.
    Route,
    /// Requests of one subnet (/24 of IPv4, /56 of IPv6).
    Subnet,
}

/// `rate_limit` of a route, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSpec {
    /// How many in a window, in the long run.
    pub(crate) quota: u32,
    pub(crate) window: String,
    /// How many at once; the quota if it is not given.
    #[serde(default)]
    pub(crate) burst: Option<u32>,
    #[serde(default)]
    pub(crate) per: Per,
    /// Whether it only counts what it would refuse.
    #[serde(default)]
    pub(crate) observe: bool,
    /// Whether all nodes count together; unset means yes.
    #[serde(default)]
    pub(crate) shared: Option<bool>,
}

/// The same, checked.
#[derive(Debug)]
pub(crate) struct RouteLimit {
    name: String,
    quota: Quota,
    per: Per,
    observes: bool,
    is_shared: bool,
    policy: HeaderValue,
    allowed: Counter,
    refused: Counter,
    tally: Arc<Tally>,
}

/// By what a request is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys<'a> {
    /// Whose address it came from.
    pub(crate) ip: Option<IpAddr>,
    /// The id of the person or service account, if one is known.
    pub(crate) person: Option<&'a str>,
    /// The id of the service account, if it is one.
    pub(crate) service_account: Option<&'a str>,
}

// === impl RouteLimit ===

impl RouteLimit {
    /// Checks what a route says of its limits in this place, from 0. The error says which key to correct, and how.
    pub(crate) fn compile(route: &str, place: usize, spec: &RateLimitSpec) -> Result<Self, String> {
        let window = parse_duration(&spec.window).map_err(|error| format!("rate_limit.window: {error}"))?;
        if window < Duration::from_millis(1) {
            return Err("rate_limit.window: a window of 0 lets everything pass; write 1s or more".to_owned());
        }
        let burst = spec.burst.unwrap_or(spec.quota);
        for (key, number) in [("quota", spec.quota), ("burst", burst)] {
            if number == 0 {
                return Err(format!("rate_limit.{key}: 0 lets nothing pass; write 1 or more"));
            }
        }
        let is_plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        let mut name: String = route.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        // Each counts for itself; no name of a route has a slash.
        if place > 0 {
            name = format!("{name}/{}", place + 1);
        }
        let quota = Quota { limit: spec.quota, window, burst };
        let policy = Policy { name: &name, quota: &quota }.policy_field();
        let policy = HeaderValue::try_from(policy).map_err(|error| format!("rate_limit: {error}"))?;
        let beyond = if spec.observe { "observed" } else { "refused" };
        let counter = |result: &'static str| {
            let route = route.to_owned();
            metrics::counter!("denizen_rate_limit_requests_total", "route" => route, "result" => result)
        };
        Ok(Self {
            quota,
            policy,
            per: spec.per,
            observes: spec.observe,
            is_shared: spec.shared.unwrap_or(true),
            allowed: counter("allowed"),
            refused: counter(beyond),
            tally: Arc::default(),
            name,
        })
    }

    /// Goes on counting where the same limit was before its route was read again.
    pub(crate) fn go_on_from(&mut self, before: &Self) {
        self.tally = before.tally.clone();
    }

    /// What it has said since the process began.
    pub(crate) fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Counts a request. Refuses it beyond the quota, unless the limit only observes.
    ///
    /// Counted with other nodes, it waits for the server of `cache_url`: for 100 ms at most, and while that is away not
    /// at all, for then this process alone decides, going on from what the server last said.
    pub(crate) async fn check(&self, cache: &Cache, keys: &Keys<'_>) -> Result<Fields, Failure> {
        let key = self.key(keys);
        let verdict = if self.is_shared {
            cache.limit(&key, &self.quota).await
        } else {
            cache.limit_local(&key, &self.quota)
        };
        let policy = Policy { name: &self.name, quota: &self.quota };
        if verdict.allowed { &self.allowed } else { &self.refused }.increment(1);
        self.tally.count(verdict.allowed, self.observes);
        if !verdict.allowed && !self.observes {
            return Err(policy.refusal(&verdict));
        }
        if self.observes {
            return Ok(Fields { headers: Vec::new(), is_beyond: !verdict.allowed });
        }
        let mut headers = vec![(RATE_LIMIT_POLICY, self.policy.clone())];
        let state = HeaderValue::try_from(policy.state_field(&verdict));
        headers.extend(state.map(|state| (RATE_LIMIT, state)));
        Ok(Fields { headers, is_beyond: false })
    }

    /// The name that a request is counted under. Routes, kinds of limit and kinds of name never share one.
    fn key(&self, keys: &Keys<'_>) -> String {
        let scope = if self.is_shared { "route" } else { "route-here" };
        let mut buffer = [0; 64];
        let account = keys.service_account.map(|id| ("key:", id));
        let person = keys.person.map(|id| ("user:", id));
        let (kind, id) = match self.per {
            Per::Route => ("all", ""),
            Per::Ip => address(keys, &mut buffer),
            Per::Subnet => {
                let subnet = keys.ip.and_then(|ip| subnet_key(&mut buffer, "subnet:", ip));
                ("", subnet.unwrap_or("subnet:"))
            }
            Per::User => person.unwrap_or_else(|| address(keys, &mut buffer)),
            Per::Key => account.or(person).unwrap_or_else(|| address(keys, &mut buffer)),
        };
        format!("limit:{scope}:{}:{}:{kind}{id}", self.name.len(), self.name)
    }
}

/// The address of a request, as it counts; those without one count together.
fn address<'a>(keys: &Keys<'_>, buffer: &'a mut [u8; 64]) -> (&'static str, &'a str) {
    ("", keys.ip.and_then(|ip| ip_key(buffer, "ip:", ip)).unwrap_or("ip:"))
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
