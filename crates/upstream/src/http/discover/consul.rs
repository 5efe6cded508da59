//! Consul's HTTP catalogue by blocking queries: an answer comes when something has changed, or after a while.
//!
//! The rules are Consul's own (developer.hashicorp.com/consul/api-docs/features/blocking): start over when the index goes
//! back, take an index of zero for one, and do not ask in a tight loop.

use std::time::Duration;

use denizen_kit::task::Tasks;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::time::Instant;

use super::super::error::BadCluster;
use super::super::origin::Origin;
use super::super::target::Found;
use super::place::ConsulPlace;
use super::registry::Registry;
use super::{Failed, List};

/// How long Consul may hold a query back. It adds up to a sixteenth of that.
const WAIT: Duration = Duration::from_secs(55);

/// How long an answer may take: the wait, its sixteenth, and time for the network.
const PATIENCE: Duration = Duration::from_secs(65);

/// The shortest time between two queries.
const APART: Duration = Duration::from_millis(200);

const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const TOKEN: HeaderName = HeaderName::from_static("x-consul-token");

/// A service in Consul.
pub(super) struct Consul {
    registry: Registry,
    path: String,
    token: Option<HeaderValue>,
    is_tls: bool,
    index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Node,
    service: Service,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(default)]
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(default)]
    address: String,
    port: u16,
    weights: Option<Weights>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Weights {
    passing: u32,
}

// === impl Consul ===

impl Consul {
    pub(super) fn new(place: &ConsulPlace, tasks: &Tasks) -> Result<Self, BadCluster> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("passing", "true");
        if let Some(datacenter) = &place.datacenter {
            query.append_pair("dc", datacenter);
        }
        if let Some(tag) = &place.tag {
            query.append_pair("tag", tag);
        }
        let token = place.token.as_ref().map(HeaderValue::try_from).transpose();
        let mut token = token.map_err(|_| BadCluster::Setting {
            setting: "the token of a consul place",
            rule: "made of visible characters",
        })?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        Ok(Self {
            registry: Registry::new(&place.api, PATIENCE, tasks)?,
            path: format!("/v1/health/service/{}?{}", place.service, query.finish()),
            token,
            is_tls: place.is_tls,
            index: 0,
        })
    }

    /// The instances that pass their checks, once that is news.
    pub(super) async fn look_up(&mut self) -> Result<List, Failed> {
        let started = Instant::now();
        let path = match self.index {
            0 => self.path.clone(),
            index => format!("{}&index={index}&wait={}s", self.path, WAIT.as_secs()),
        };
        let token = self.token.clone().map(|token| (TOKEN, token));
        let answered = self.registry.get::<Vec<Entry>>(&path, token).await;
        let (entries, headers) = answered.inspect_err(|_| self.index = 0)?;
        self.index = next_index(self.index, &headers);
        let found = entries.into_iter().map(|entry| self.found(entry)).collect();
        Ok(List { found, pause: APART.saturating_sub(started.elapsed()) })
    }

    fn found(&self, Entry { node, service }: Entry) -> Found {
        let address = if service.address.is_empty() { node.address } else { service.address };
        Found {
            origin: Origin::new(self.is_tls, address, service.port),
            weight: service.weights.map_or(1, |weights| weights.passing),
            priority: 0,
        }
    }
}

/// The index to wait on; 0: start over.
fn next_index(before: u64, headers: &HeaderMap) -> u64 {
    let told = headers.get(INDEX).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match told {
        None => 0,
        Some(told) if told < before => 0,
        Some(told) => told.max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_goes_back_starts_over() {
        let next = |before, told: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(INDEX, HeaderValue::from_static(told));
            next_index(before, &headers)
        };
        assert_eq!(next(0, "7"), 7);
        assert_eq!(next(7, "7"), 7);
        assert_eq!(next(7, "6"), 0);
        assert_eq!(next(0, "0"), 1);
        assert_eq!(next(3, "x"), 0);
        assert_eq!(next_index(3, &HeaderMap::new()), 0);
    }
}
