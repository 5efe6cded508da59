//! What a cluster is told: [`ClusterSpec`] and its parts, with the defaults that hold where nothing is said.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::discover::Discover;

/// All that makes a cluster. [`ClusterSpec::new`] gives the defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSpec {
    /// What logs, metrics and the status call it.
    pub name: String,
    /// Targets that are always there.
    pub targets: Vec<TargetSpec>,
    /// Where more targets are found.
    pub discover: Option<Discover>,
    /// How one of the targets is chosen.
    pub balance: Balance,
    /// How targets are asked whether they are well; none: not at all.
    pub health: Option<HealthSpec>,
    /// When a target that fails requests is left out for a while; none: never.
    pub passive: Option<PassiveSpec>,
    /// When the whole cluster is spared requests for a while; none: never.
    pub breaker: Option<BreakerSpec>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Which version of HTTP is spoken.
    pub protocol: Protocol,
    /// TLS beyond the defaults, for `https://` targets.
    pub tls: Option<TlsSpec>,
    /// How many connections are kept, and for how long.
    pub pool: PoolSpec,
    /// How many retries all requests together may cause.
    pub budget: BudgetSpec,
}

/// A target that is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// `http://host:port` or `https://host:port`; without a port 80 or 443.
    pub url: String,
    /// Its share of the requests beside the others'; at least 1.
    pub weight: u32,
}

/// How one of the targets is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, each as often as its weight says, spread out evenly.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way for its weight.
    LeastConnections,
    /// Of two drawn at random the one that would answer sooner.
    PeakEwma,
    /// Always the same one for the same key, unless it has far more than its share.
    Hash,
}

/// Which version of HTTP is spoken to targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1 on `http://`; on `https://` what ALPN agrees on.
    #[default]
    Auto,
    /// HTTP/1.1 always.
    Http1,
    /// HTTP/2 always; on `http://` by prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// Active health checks. A target is taken to be well until a check says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSpec {
    /// What is asked for, such as `/health`.
    pub path: String,
    /// Time between two checks of a target; each is up to a tenth longer or shorter.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// How many failed checks in a row make a target unhealthy.
    pub unhealthy_after: u32,
    /// How many good checks in a row make it healthy again.
    pub healthy_after: u32,
    /// Which statuses are good.
    pub expect: Vec<RangeInclusive<u16>>,
}

/// Passive health: a target that fails requests in a row is ejected for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassiveSpec {
    /// How many failures in a row eject a target.
    pub failures: u32,
    /// How long for the first time; twice that the second time, and so on.
    pub eject_for: Duration,
    /// The longest ejection.
    pub eject_at_most: Duration,
    /// The largest share of the targets that is ejected at once, between 0 and 1. One may always be, if there are two.
    pub max_ejected: f64,
}

/// The breaker of a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSpec {
    /// How many failures in a row open it; 0: this rule does not hold.
    pub failures: u32,
    /// The success rate that opens it, if there is such a rule.
    pub rate: Option<RateRule>,
    /// How long it stays open before one request may try.
    pub open_for: Duration,
}

/// Opens a breaker when too small a share of the requests succeeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRule {
    /// The smallest share of successes that is good, between 0 and 1.
    pub at_least: f64,
    /// The time over which requests count.
    pub window: Duration,
    /// How many requests there must be in the window before the rule holds.
    pub minimum: u32,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, with TLS.
    pub connect: Duration,
    /// From the end of the request to the head of the answer, of one try.
    pub head: Duration,
    /// Between two parts of an answer's body; none: for ever.
    pub idle: Option<Duration>,
}

/// TLS to targets. Certificates are always verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSpec {
    /// PEM file of the authorities that are trusted, instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// The name that the certificate must have and that is asked for (SNI), instead of the target's host.
    pub server_name: Option<String>,
    /// PEM files of our own certificate chain and its key.
    pub client: Option<ClientCertificate>,
}

/// A certificate of our own, shown to targets that ask for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file of the certificate and those above it.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
}

/// The connections to one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// How many HTTP/1 connections are kept idle at most.
    pub max_idle: usize,
    /// How long a connection stays idle; must be well below the target's own keep-alive.
    pub idle_timeout: Duration,
    /// How many HTTP/2 connections are open at most.
    pub max_http2: usize,
}

/// The budget of retries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSpec {
    /// Retries for each request, as a share.
    pub ratio: f64,
    /// Retries each second that are always allowed.
    pub floor: u32,
}

// === impl ClusterSpec ===

impl ClusterSpec {
    /// A cluster of this name without targets, and the defaults in all else.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            targets: Vec::new(),
            discover: None,
            balance: Balance::default(),
            health: None,
            passive: None,
            breaker: None,
            timeouts: Timeouts::default(),
            protocol: Protocol::default(),
            tls: None,
            pool: PoolSpec::default(),
            budget: BudgetSpec::default(),
        }
    }

    /// The same with one more target of weight 1.
    #[must_use]
    pub fn with_target(mut self, url: impl Into<String>) -> Self {
        self.targets.push(TargetSpec { url: url.into(), weight: 1 });
        self
    }
}

impl TlsSpec {
    /// What its files hold now, in short: they may be renewed where they are.
    pub fn digest(&self) -> [u8; 32] {
        let client = self.client.iter().flat_map(|client| [&client.certificate, &client.key]);
        let files: Vec<PathBuf> = self.ca_file.iter().chain(client).cloned().collect();
        denizen_tls::digest(&files)
    }
}

impl Default for HealthSpec {
    fn default() -> Self {
        Self {
            path: "/health".to_owned(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            unhealthy_after: 2,
            healthy_after: 1,
            expect: vec![200..=299],
        }
    }
}

impl Default for PassiveSpec {
    fn default() -> Self {
        Self {
            failures: 5,
            eject_for: Duration::from_secs(10),
            eject_at_most: Duration::from_secs(300),
            max_ejected: 0.5,
        }
    }
}

impl Default for BreakerSpec {
    fn default() -> Self {
        Self { failures: 5, rate: None, open_for: Duration::from_secs(10) }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            head: Duration::from_secs(10),
            idle: Some(Duration::from_secs(60)),
        }
    }
}

impl Default for PoolSpec {
    fn default() -> Self {
        Self { max_idle: 256, idle_timeout: Duration::from_secs(4), max_http2: 16 }
    }
}

impl Default for BudgetSpec {
    fn default() -> Self {
        Self { ratio: 0.1, floor: 10 }
    }
}

// === impl Balance ===

impl FromStr for Balance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "round_robin" => Ok(Self::RoundRobin),
            "least_connections" => Ok(Self::LeastConnections),
            "peak_ewma" => Ok(Self::PeakEwma),
            "hash" => Ok(Self::Hash),
            _ => Err(format!("{text:?}: write round_robin, least_connections, peak_ewma or hash")),
        }
    }
}

// === impl Protocol ===

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "http1" => Ok(Self::Http1),
            "http2" => Ok(Self::Http2),
            _ => Err(format!("{text:?}: write auto, http1 or http2")),
        }
    }
}
