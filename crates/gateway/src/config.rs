//! Settings of the gateway.

use std::net::SocketAddr;
use std::time::Duration;

use denizen_cache::Quota;
use denizen_kit::config::{Settings, parse_size};

use crate::edge::client::Network;
use crate::edge::log::AccessLogFormat;
use crate::faces::operations;
use crate::listen::SocketConfig;
use crate::proxy::cache;
use crate::proxy::dialects::Dialects;
use crate::proxy::files::RouteFiles;

/// Settings of the gateway. The last three, and the places of `routes`, are set by the node, which knows them.
#[derive(Clone, Debug)]
pub struct Config {
    /// Largest body of a request, in bytes.
    pub body_limit: usize,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long the body of a request may take at first, and how long nothing of it may come; what comes lengthens it.
    pub body_timeout: Duration,
    /// How long a connection may stand idle between requests.
    pub idle_timeout: Duration,
    /// How many connections are open at most; more wait in the kernel's queue.
    pub max_connections: usize,
    /// How long open requests may take when the node stops.
    pub drain_timeout: Duration,
    /// Origins of pages that may read answers; `*` for any.
    pub cors_origins: Vec<String>,
    /// Request limits.
    pub limits: Limits,
    /// Kept answers of other services.
    pub cache: cache::Config,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Routes and upstreams, and where they stand.
    pub routes: RouteFiles,
    /// Dialects of other user services.
    pub dialects: Dialects,
    /// The only operations that are exposed; none for all.
    pub operations: Vec<String>,
    /// Whether each request is a line in the log.
    pub access_log: bool,
    /// How these lines look.
    pub access_log_format: AccessLogFormat,
    /// How long refusals are counted before the audit trail is told.
    pub refusals_interval: Duration,
    /// Where metrics are served, by any process; instead of the main listener where the gateway runs.
    pub metrics_listen: Option<SocketAddr>,
    /// TLS and the like.
    pub sockets: SocketConfig,
    /// How clients reach the system: in links, and the issuer of access tokens.
    pub public_url: String,
    /// Whether this is a development node, which shows its mailbox.
    pub development: bool,
    /// Where the gateway listens.
    pub listen: SocketAddr,
}

/// Limits on requests; each but the first has a quota, a window and a burst.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many requests are answered at once, to the end of their answers' bodies; more are refused. 0: any number.
    pub in_flight: usize,
    /// Whether any of the following holds.
    pub enabled: bool,
    /// All requests of this process.
    pub global: Quota,
    /// Requests of one address.
    pub per_ip: Quota,
    /// Requests of one subnet (/24 of IPv4, /56 of IPv6), if they are limited.
    pub per_subnet: Option<Quota>,
    /// Requests of one person.
    pub per_user: Quota,
    /// Register, login, codes and resets of one address, over all nodes.
    pub auth_per_ip: Quota,
    /// Logins, resets and codes for one identifier, over all nodes.
    pub auth_per_account: Quota,
}

/// Meanings of settings that are longer than a line.
const LOG_FORMAT: &str = "json (as the other lines of the log), or combined, which has addresses and paths";
const METRICS: &str =
    "where this process serves its metrics, apart from the main listener; without the gateway nowhere else";
const OPERATIONS: &str = "the only operations that this process exposes, such as ListUsers; by itself all";
const PROXIES: &str =
    "addresses or networks of proxies whose X-Forwarded-For is believed; Forwarded never is";

// === impl Config ===

impl Config {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        Self {
            body_limit: settings.parse("gateway.body_limit", "1MiB", "largest body of a request", read_limit),
            header_timeout: settings.duration(
                "gateway.header_timeout",
                "10s",
                "how long the head of a request may take",
            ),
            body_timeout: settings.duration(
                "gateway.body_timeout",
                "30s",
                "how long the body of a request may take, lengthened by what comes (gateway.body_min_rate)",
            ),
            idle_timeout: settings.duration(
                "gateway.idle_timeout",
                "75s",
                "how long a connection may stand idle",
            ),
            max_connections: settings.value(
                "gateway.max_connections",
                "20000",
                "how many connections are open at most",
            ),
            drain_timeout: settings.duration(
                "gateway.drain_timeout",
                "30s",
                "how long open requests may take when the node stops",
            ),
            cors_origins: settings.list(
                "gateway.cors.origins",
                "",
                "origins of pages that may read answers, such as https://app.example; * for any",
            ),
            limits: Limits::read(settings),
            cache: cache::Config::read(settings),
            trusted_proxies: settings.parse("gateway.trusted_proxies", "", PROXIES, Network::parse_list),
            routes: RouteFiles::read(settings),
            dialects: Dialects::read(settings),
            operations: settings.parse("gateway.operations", "", OPERATIONS, operations::parse),
            access_log: settings.value("gateway.access_log", "true", "whether each request is logged"),
            access_log_format: settings.value("gateway.access_log_format", "json", LOG_FORMAT),
            refusals_interval: settings.duration(
                "gateway.refusals_interval",
                "1m",
                "how long refusals at the door are counted before the audit trail is told",
            ),
            metrics_listen: settings.parse("metrics_listen", "", METRICS, read_address),
            sockets: SocketConfig::read(settings),
            public_url: String::new(),
            development: false,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        }
    }
}

impl Limits {
    fn read(settings: &mut Settings) -> Self {
        Self {
            in_flight: settings.value(
                "gateway.max_in_flight",
                "20000",
                "how many requests are answered at once; more get 503, health never; 0 for any number",
            ),
            enabled: settings.value("gateway.limits.enabled", "true", "whether request limits hold"),
            global: settings.value("gateway.limits.global", "60000/1m", "limit on all requests of a process"),
            per_ip: settings.value("gateway.limits.per_ip", "600/1m", "limit on requests of one address"),
            per_subnet: settings.parse(
                "gateway.limits.per_subnet",
                "",
                "limit on requests of one subnet (/24 of IPv4, /56 of IPv6), such as 6000/1m; unset for none",
                read_quota,
            ),
            per_user: settings.value("gateway.limits.per_user", "1200/1m", "limit on requests of one person"),
            auth_per_ip: settings.value(
                "gateway.limits.auth_per_ip",
                "20/1m",
                "limit on register, login, codes and resets of one address, over all nodes",
            ),
            auth_per_account: settings.value(
                "gateway.limits.auth_per_account",
                "10/1m",
                "limit on logins, resets and codes for one identifier, over all nodes",
            ),
        }
    }
}

fn read_limit(text: &str) -> Result<usize, String> {
    usize::try_from(parse_size(text)?).map_err(|_| "too large".to_owned())
}

fn read_quota(text: &str) -> Result<Option<Quota>, String> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

fn read_address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "an address and a port, such as 127.0.0.1:9090".to_owned())
}
