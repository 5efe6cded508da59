//! The limit of a route: `rate_limit = { quota = 100, window = "1m", burst = 20, per = "user" }`.

use std::net::IpAddr;
use std::time::Duration;

use denizen_cache::{Cache, Quota};
use denizen_kit::config::parse_duration;
use http::HeaderValue;
use metrics::Counter;
use serde::Deserialize;

use super::fields::{Fields, Policy, RATE_LIMIT, RATE_LIMIT_POLICY};
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
            name,
        })
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
mod tests {
    use http::HeaderMap;

    use super::*;

    fn limit(route: &str, text: &str) -> RouteLimit {
        let spec: RateLimitSpec = serde_json::from_str(text).unwrap();
        RouteLimit::compile(route, 0, &spec).unwrap()
    }

    fn keys<'a>(ip: &str, person: Option<&'a str>, service_account: Option<&'a str>) -> Keys<'a> {
        Keys { ip: ip.parse().ok(), person, service_account }
    }

    /// How many of these pass, of ten.
    async fn passing(cache: &Cache, limit: &RouteLimit, keys: &Keys<'_>) -> usize {
        let mut count = 0;
        for _ in 0..10 {
            count += usize::from(limit.check(cache, keys).await.is_ok());
        }
        count
    }

    #[tokio::test]
    async fn each_counts_by_what_the_route_says() {
        let (alice, bob) = (keys("192.0.2.1", Some("alice"), None), keys("192.0.2.1", Some("bob"), None));
        let (robot, other) = (keys("192.0.2.1", Some("r"), Some("r")), keys("192.0.2.2", None, None));
        let far = keys("198.51.100.1", None, None);
        let all = [alice, bob, robot, other, far];
        for (per, passed) in [
            ("user", [2, 2, 2, 2, 2]),
            ("ip", [2, 0, 0, 2, 2]),
            ("key", [2, 2, 2, 2, 2]),
            ("subnet", [2, 0, 0, 0, 2]),
            ("route", [2, 0, 0, 0, 0]),
        ] {
            for shared in [true, false] {
                let cache = Cache::memory();
                let text = format!(r#"{{"quota": 2, "window": "1h", "per": "{per}", "shared": {shared}}}"#);
                let limit = limit("orders", &text);
                for (keys, passed) in all.iter().zip(passed) {
                    assert_eq!(passing(&cache, &limit, keys).await, passed, "{per} {keys:?}");
                }
                let elsewhere = self::limit("order", &text);
                assert_eq!(passing(&cache, &elsewhere, &alice).await, 2, "another route counts for itself");
            }
        }
    }

    #[tokio::test]
    async fn nobody_known_counts_by_address_and_cannot_be_somebody() {
        let cache = Cache::memory();
        let limit = limit("r", r#"{"quota": 2, "window": "1h"}"#);
        assert_eq!(passing(&cache, &limit, &keys("192.0.2.1", None, None)).await, 2);
        assert_eq!(passing(&cache, &limit, &keys("192.0.2.1", None, None)).await, 0);
        assert_eq!(passing(&cache, &limit, &keys("", Some("ip:192.0.2.1"), None)).await, 2);
        assert_eq!(passing(&cache, &limit, &keys("", None, None)).await, 2, "without an address, together");
        assert_eq!(passing(&cache, &limit, &keys("", None, None)).await, 0);
    }

    #[tokio::test]
    async fn limits_of_one_route_count_each_for_itself() {
        let specs = [r#"{"quota": 5, "window": "1s"}"#, r#"{"quota": 3, "window": "1h"}"#];
        let specs = specs.map(|text| serde_json::from_str::<RateLimitSpec>(text).unwrap());
        let cache = Cache::memory();
        let alice = keys("", Some("alice"), None);
        let long = RouteLimit::compile("r", 1, &specs[1]).unwrap();
        assert_eq!(passing(&cache, &long, &alice).await, 3);
        let short = RouteLimit::compile("r", 0, &specs[0]).unwrap();
        assert!(short.check(&cache, &alice).await.is_ok(), "an hour ahead is not a second ahead");
    }

    #[tokio::test]
    async fn clients_are_told_what_is_left() {
        let cache = Cache::memory();
        let limit = limit("my orders", r#"{"quota": 60, "window": "1m", "burst": 2}"#);
        let mut headers = HeaderMap::new();
        limit.check(&cache, &Keys::default()).await.unwrap().add_to(&mut headers);
        assert_eq!(headers[RATE_LIMIT_POLICY], "\"my-orders\";q=60;w=60, \"my-orders-burst\";q=2;w=2");
        assert_eq!(headers[RATE_LIMIT], "\"my-orders-burst\";r=1;t=1");
        limit.check(&cache, &Keys::default()).await.unwrap();
        let refused = limit.check(&cache, &Keys::default()).await.unwrap_err().render("", "");
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (429, &HeaderValue::from(1))
        );
        assert_eq!(refused.headers()[RATE_LIMIT], "\"my-orders-burst\";r=0;t=1");
    }

    #[tokio::test]
    async fn a_limit_that_observes_marks_and_refuses_nobody() {
        let cache = Cache::memory();
        let limit = limit("r", r#"{"quota": 2, "window": "1h", "observe": true}"#);
        let mut beyond = Vec::new();
        for _ in 0..4 {
            let fields = limit.check(&cache, &Keys::default()).await.unwrap();
            let mut headers = HeaderMap::new();
            fields.add_to(&mut headers);
            assert!(headers.is_empty());
            beyond.push(fields.is_beyond);
        }
        assert_eq!(beyond, [false, false, true, true]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            (r#"{"quota": 0, "window": "1m"}"#, "rate_limit.quota"),
            (r#"{"quota": 1, "window": "1m", "burst": 0}"#, "rate_limit.burst"),
            (r#"{"quota": 1, "window": "0s"}"#, "rate_limit.window"),
            (r#"{"quota": 1, "window": "soon"}"#, "rate_limit.window"),
        ] {
            let spec: RateLimitSpec = serde_json::from_str(text).unwrap();
            let error = RouteLimit::compile("r", 0, &spec).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let error = serde_json::from_str::<RateLimitSpec>(r#"{"quota": 1, "window": "1m", "per": "cow"}"#);
        assert!(error.unwrap_err().to_string().contains("subnet"));
    }
}
