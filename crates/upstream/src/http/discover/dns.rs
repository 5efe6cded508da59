//! DNS: the addresses of a name, or what its SRV records name, for as long as the answers live.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::super::error::BadCluster;
use super::super::origin::Origin;
use super::super::target::Found;
use super::place::DnsPlace;
use super::{Failed, List};

/// Answers are looked up again no sooner than this, whatever their TTL.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Answers are looked up again no later than this.
const AT_MOST: Duration = Duration::from_secs(300);

/// A name in DNS.
pub(super) struct Dns {
    resolver: TokioResolver,
    place: DnsPlace,
}

// === impl Dns ===

impl Dns {
    pub(super) fn new(place: &DnsPlace) -> Result<Self, BadCluster> {
        let unusable = |error: &dyn std::fmt::Display| BadCluster::Resolver(error.to_string());
        let mut builder = match place.server {
            Some(server) => asking(server),
            None => TokioResolver::builder_tokio().map_err(|error| unusable(&error))?,
        };
        // That a name is not there must not be believed for long: it may be just coming.
        builder.options_mut().negative_max_ttl = Some(AT_LEAST);
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let resolver = builder.build().map_err(|error| unusable(&error))?;
        Ok(Self { resolver, place: place.clone() })
    }

    pub(super) async fn look_up(&mut self) -> Result<List, Failed> {
        let (found, until) = match self.place.port {
            Some(port) => self.addresses(&self.place.name, port, (1, 0)).await?,
            None => self.services().await?,
        };
        let life = until.saturating_duration_since(Instant::now());
        Ok(List { found, pause: life.clamp(AT_LEAST, AT_MOST) })
    }

    /// What the SRV records name (RFC 2782).
    async fn services(&self) -> Result<(Vec<Found>, Instant), Failed> {
        let looked_up = self.resolver.lookup(self.place.name.as_str(), RecordType::SRV).await;
        let lookup = looked_up.map_err(|error| Failed(error.to_string()))?;
        let mut until = lookup.valid_until();
        let mut all = Vec::new();
        let mut failure = None;
        for record in lookup.answers() {
            let RData::SRV(service) = &record.data else { continue };
            // A single dot says that there is no such service.
            if service.target.is_root() || service.port == 0 {
                continue;
            }
            let share = (u32::from(service.weight).max(1), service.priority);
            match self.addresses(&service.target.to_ascii(), service.port, share).await {
                Ok((found, end)) => {
                    all.extend(found);
                    until = until.min(end);
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(failure) if all.is_empty() => Err(failure),
            _ => Ok((all, until)),
        }
    }

    /// All addresses of a name. With TLS its certificate is for the name, so the name is the target.
    async fn addresses(
        &self,
        name: &str,
        port: u16,
        (weight, priority): (u32, u16),
    ) -> Result<(Vec<Found>, Instant), Failed> {
        let found =
            |host: String| Found { origin: Origin::new(self.place.is_tls, host, port), weight, priority };
        let lookup = self.resolver.lookup_ip(name).await.map_err(|error| Failed(error.to_string()))?;
        let until = lookup.valid_until();
        if self.place.is_tls {
            return Ok((vec![found(name.trim_end_matches('.').to_owned())], until));
        }
        let mut all: Vec<Found> = lookup.iter().map(|ip| found(ip.to_string())).collect();
        all.sort_by(|one, other| one.origin.host().cmp(other.origin.host()));
        Ok((all, until))
    }
}

fn asking(server: SocketAddr) -> ResolverBuilder<TokioRuntimeProvider> {
    let on_port = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
    name_server.connections = name_server.connections.into_iter().map(on_port).collect();
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}
