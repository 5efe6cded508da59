//! [`Discover`]: where targets are looked up, again and again.
//!
//! Every look-up gives a whole list; targets that stay keep their connections, health and figures. A look-up that fails or
//! finds nothing takes nothing away: registries fail more often than all instances of a service go, and those that have
//! gone are found out by their connections.

mod consul;
mod dns;
mod eureka;
mod place;
mod registry;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::error::BadCluster;
use super::inner::Inner;
use super::target::Found;

pub use place::{ConsulPlace, Discover, DnsPlace, EurekaPlace};

/// The first pause after a failed look-up, doubled with each further one.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after failed look-ups.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// What looks targets up.
enum Source {
    Dns(Box<dns::Dns>),
    Consul(consul::Consul),
    Eureka(eureka::Eureka),
}

/// Targets, and how long to wait before the next look-up.
struct List {
    found: Vec<Found>,
    pause: Duration,
}

/// Why a look-up brought nothing; for the log and the status.
#[derive(Debug)]
struct Failed(String);

/// Starts looking up, if the cluster has where.
pub(crate) fn start(inner: &Arc<Inner>) -> Result<(), BadCluster> {
    let Some(place) = &inner.spec.discover else { return Ok(()) };
    let source = match place {
        Discover::Dns(place) => Source::Dns(Box::new(dns::Dns::new(place)?)),
        Discover::Consul(place) => Source::Consul(consul::Consul::new(place, inner.tasks())?),
        Discover::Eureka(place) => Source::Eureka(eureka::Eureka::new(place, inner.tasks())?),
    };
    inner.spawn("upstream.discover", follow(inner.clone(), source));
    Ok(())
}

async fn follow(inner: Arc<Inner>, mut source: Source) {
    let mut failures: u32 = 0;
    loop {
        let looked_up = match &mut source {
            Source::Dns(dns) => dns.look_up().await,
            Source::Consul(consul) => consul.look_up().await,
            Source::Eureka(eureka) => eureka.look_up().await,
        };
        let taken = looked_up.and_then(|list| take(&inner, list));
        let pause = match taken {
            Ok(pause) => {
                failures = 0;
                note(&inner, String::new());
                pause
            }
            Err(Failed(reason)) => {
                let pause = PAUSE.saturating_mul(1 << failures.min(5)).min(MAX_PAUSE);
                failures += 1;
                tracing::warn!(
                    cluster = inner.spec.name,
                    reason,
                    "a look-up of targets failed; those known stay"
                );
                note(&inner, reason);
                inner.dice.jitter(pause)
            }
        };
        sleep(pause).await;
    }
}

/// Takes the list over, beside the targets that are always there. Gives back how long to wait.
fn take(inner: &Arc<Inner>, list: List) -> Result<Duration, Failed> {
    if list.found.is_empty() {
        return Err(Failed("it names no target".to_owned()));
    }
    let fixed = super::check::targets(&inner.spec).map_err(|error| Failed(error.to_string()))?;
    let mut all = fixed;
    for found in list.found {
        if all.iter().all(|known| known.origin != found.origin) {
            all.push(found);
        }
    }
    inner.set_targets(&all).map_err(|error| Failed(error.to_string()))?;
    Ok(list.pause)
}

fn note(inner: &Inner, reason: String) {
    *inner.discovery.lock().unwrap_or_else(PoisonError::into_inner) = reason;
}
