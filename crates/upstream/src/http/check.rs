//! Whether a [`ClusterSpec`] makes sense.

use std::collections::HashSet;
use std::time::Duration;

use super::error::BadCluster;
use super::origin::Origin;
use super::spec::{ClusterSpec, PassiveSpec, RateRule};
use super::target::Found;

/// The static targets of a spec that makes sense.
pub(crate) fn targets(spec: &ClusterSpec) -> Result<Vec<Found>, BadCluster> {
    settings(spec)?;
    if spec.targets.is_empty() && spec.discover.is_none() {
        return Err(BadCluster::Empty);
    }
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(spec.targets.len());
    for target in &spec.targets {
        let origin = Origin::parse(&target.url)?;
        origin.host_header()?;
        if !seen.insert(origin.clone()) {
            return Err(BadCluster::Twice(origin.to_string()));
        }
        if target.weight == 0 {
            return Err(setting("weight", "at least 1; leave a target out to send it nothing"));
        }
        found.push(Found { origin, weight: target.weight, priority: 0 });
    }
    Ok(found)
}

fn settings(spec: &ClusterSpec) -> Result<(), BadCluster> {
    if spec.timeouts.connect.is_zero() || spec.timeouts.head.is_zero() {
        return Err(setting("timeout", "longer than 0"));
    }
    if let Some(health) = &spec.health {
        if !health.path.starts_with('/') || health.path.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(setting("health.path", "a path that begins with a slash, such as /health"));
        }
        if health.interval < Duration::from_millis(10) || health.timeout.is_zero() {
            return Err(setting("health.interval and health.timeout", "times such as 5s"));
        }
        if health.unhealthy_after == 0 || health.healthy_after == 0 {
            return Err(setting("health.unhealthy_after and health.healthy_after", "at least 1"));
        }
    }
    if let Some(PassiveSpec { failures, eject_for, max_ejected, .. }) = spec.passive {
        if failures == 0 || eject_for.is_zero() {
            return Err(setting("passive.failures and passive.eject_for", "at least 1, and longer than 0"));
        }
        share(max_ejected, "passive.max_ejected")?;
    }
    if let Some(breaker) = &spec.breaker {
        if breaker.open_for.is_zero() || (breaker.failures == 0 && breaker.rate.is_none()) {
            return Err(setting("breaker", "given failures or a rate, and open_for longer than 0"));
        }
        if let Some(RateRule { at_least, window, .. }) = breaker.rate {
            share(at_least, "breaker.rate.at_least")?;
            if window < Duration::from_millis(10) {
                return Err(setting("breaker.rate.window", "a time such as 10s"));
            }
        }
    }
    share(spec.budget.ratio, "budget.ratio")
}

fn share(value: f64, name: &'static str) -> Result<(), BadCluster> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(setting(name, "between 0 and 1")) }
}

fn setting(setting: &'static str, rule: &'static str) -> BadCluster {
    BadCluster::Setting { setting, rule }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{BreakerSpec, HealthSpec, TargetSpec};
    use super::*;

    fn told(spec: &ClusterSpec) -> String {
        targets(spec).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_told_with_the_way_out() {
        let good = || ClusterSpec::new("c").with_target("http://a:1");
        assert_eq!(targets(&good()).unwrap().len(), 1);
        assert!(told(&ClusterSpec::new("c")).contains("discover"));
        assert!(told(&good().with_target("http://a:1/")).contains("named twice"));
        let weightless = TargetSpec { url: "http://b:1".to_owned(), weight: 0 };
        assert!(told(&ClusterSpec { targets: vec![weightless], ..good() }).contains("weight"));
        let health = HealthSpec { path: "health".to_owned(), ..HealthSpec::default() };
        assert!(told(&ClusterSpec { health: Some(health), ..good() }).contains("/health"));
        let passive = PassiveSpec { max_ejected: 1.5, ..PassiveSpec::default() };
        assert!(told(&ClusterSpec { passive: Some(passive), ..good() }).contains("between 0 and 1"));
        let breaker = BreakerSpec { failures: 0, ..BreakerSpec::default() };
        assert!(told(&ClusterSpec { breaker: Some(breaker), ..good() }).contains("failures or a rate"));
    }
}
