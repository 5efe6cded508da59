//! Eureka's REST API: the instances of an application that are UP (Netflix Eureka wiki, "Eureka REST operations").

use std::time::Duration;

use denizen_kit::task::Tasks;
use serde::Deserialize;
use serde_json::Value;

use super::super::error::BadCluster;
use super::super::origin::Origin;
use super::super::target::Found;
use super::place::EurekaPlace;
use super::registry::Registry;
use super::{Failed, List};

/// How often it is asked. Eureka's own answers are up to 30 s old; more often would bring little.
const AGAIN: Duration = Duration::from_secs(10);

const PATIENCE: Duration = Duration::from_secs(5);

/// An application in Eureka.
pub(super) struct Eureka {
    registry: Registry,
    path: String,
    is_tls: bool,
}

#[derive(Debug, Deserialize)]
struct Answer {
    application: Application,
}

#[derive(Debug, Deserialize)]
struct Application {
    #[serde(default)]
    instance: Instances,
}

/// Some versions write a single instance without a list around it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Instances {
    Many(Vec<Instance>),
    One(Box<Instance>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    host_name: String,
    #[serde(default)]
    ip_addr: String,
    status: String,
    port: Option<Port>,
    secure_port: Option<Port>,
    #[serde(default)]
    metadata: serde_json::Map<String, Value>,
}

/// `{"$": 8080, "@enabled": "true"}`; numbers and booleans come as such or as text.
#[derive(Debug, Deserialize)]
struct Port {
    #[serde(rename = "$")]
    number: Value,
    #[serde(rename = "@enabled", default)]
    enabled: Value,
}

impl Default for Instances {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

// === impl Eureka ===

impl Eureka {
    pub(super) fn new(place: &EurekaPlace, tasks: &Tasks) -> Result<Self, BadCluster> {
        Ok(Self {
            registry: Registry::new(&place.api, PATIENCE, tasks)?,
            path: format!("{}/apps/{}", place.base, place.app),
            is_tls: place.is_tls,
        })
    }

    /// The instances that are UP.
    pub(super) async fn look_up(&mut self) -> Result<List, Failed> {
        let (answer, _) = self.registry.get::<Answer>(&self.path, None).await?;
        let instances = match answer.application.instance {
            Instances::Many(many) => many,
            Instances::One(one) => vec![*one],
        };
        let found = instances.iter().filter_map(|instance| instance.found(self.is_tls)).collect();
        Ok(List { found, pause: AGAIN })
    }
}

// === impl Instance ===

impl Instance {
    fn found(&self, is_tls: bool) -> Option<Found> {
        let port = if is_tls { self.secure_port.as_ref() } else { self.port.as_ref() };
        let port = port.filter(|port| port.is_enabled()).and_then(Port::number)?;
        if self.status != "UP" {
            return None;
        }
        let host = if self.ip_addr.is_empty() || is_tls { &self.host_name } else { &self.ip_addr };
        let weight = self.metadata.get("weight").and_then(number).unwrap_or(1);
        Some(Found { origin: Origin::new(is_tls, host, port), weight: weight.max(1), priority: 0 })
    }
}

// === impl Port ===

impl Port {
    fn number(&self) -> Option<u16> {
        number(&self.number).and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0)
    }

    fn is_enabled(&self) -> bool {
        !matches!(&self.enabled, Value::Bool(false)) && self.enabled != "false"
    }
}

fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
