//! What the gateway holds: its links, its cache, its settings, and who has been seen at the door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use denizen_cache::Cache;
use denizen_kit::caller::Role;
use denizen_kit::changes::Changes;
use denizen_kit::seal::Key;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_kit::trace::Tracer;
use denizen_rpc::Links;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::Config;
use crate::edge::authenticate::Authenticator;
use crate::edge::barriers::Barriers;
use crate::edge::limits::Tallies;
use crate::edge::refusals::Refusals;
use crate::edge::shed::Concurrency;
use crate::listen::Tls;
use crate::proxy::Proxy;
use crate::proxy::cache::Store;
use crate::proxy::identity::Identities;
use crate::resources::users::copies::Copies;
use crate::system::measure::Measured;

/// The state of one part of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which part: `users`, `cache` …
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// What is wrong, or a word on how it is; no personal data.
    pub detail: String,
}

/// Asks all services how they are: those of this process and those elsewhere.
pub type Health = Arc<dyn Fn() -> BoxFuture<'static, Vec<Check>> + Send + Sync>;

/// Shows the figures of the process, as they are when it is called, in Prometheus' text format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What this process is, for `/info`.
#[derive(Clone, Debug)]
pub struct Info {
    /// Version of the program.
    pub version: String,
    /// Roles that this process runs.
    pub roles: Vec<Role>,
    /// Database engine of the roles that have one: `sqlite`, `postgres` or empty.
    pub engine: String,
}

/// What the node hands to the gateway.
pub struct Deps {
    /// Links of the gateway's role.
    pub links: Links,
    /// Shared limits.
    pub cache: Cache,
    /// Time.
    pub clock: Clock,
    /// Settings.
    pub config: Config,
    /// TLS of the public sockets, when it is served.
    pub tls: Option<Arc<Tls>>,
    /// Shows the figures of the process.
    pub metrics: Metrics,
    /// Asks all services how they are.
    pub health: Health,
    /// What this process is.
    pub info: Info,
    /// Checks what ties sessions to networks.
    pub network_key: Key,
    /// What changes accounts, when this process alone does.
    pub account_changes: Option<Changes>,
    /// Signs what upstreams are told of people.
    pub identity_key: Key,
    /// Where health checks of upstreams and upgraded connections run.
    pub tasks: Tasks,
    /// Begins the spans of requests.
    pub tracer: Tracer,
}

/// The gateway.
pub struct App {
    /// Links of the gateway's role.
    pub links: Links,
    /// Shared limits.
    pub cache: Cache,
    /// Time.
    pub clock: Clock,
    /// Settings.
    pub config: Config,
    /// TLS of the public sockets, when it is served.
    pub tls: Option<Arc<Tls>>,
    /// Shows the figures of the process.
    pub metrics: Metrics,
    /// Asks all services how they are.
    pub health: Health,
    /// What this process is.
    pub info: Info,
    pub(crate) authenticator: Authenticator,
    pub(crate) barriers: Barriers,
    pub(crate) refusals: Refusals,
    /// How many requests are being answered.
    pub(crate) in_flight: Concurrency,
    /// What the limits at the door have said.
    pub(crate) tallies: Tallies,
    pub(crate) own_accounts: Copies,
    pub(crate) proxy: Proxy,
    /// Kept answers of other services.
    pub(crate) kept: Store,
    pub(crate) measured: Measured,
    pub(crate) tasks: Tasks,
    pub(crate) tracer: Tracer,
    /// What the services said last, and when.
    pub(crate) heard: Mutex<Option<(Instant, Vec<Check>)>>,
    draining: AtomicBool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

// === impl App ===

impl App {
    /// The gateway with what the node hands to it.
    pub fn new(deps: Deps) -> Arc<Self> {
        let Deps { links, cache, clock, config, tls, metrics, health, info, tasks, .. } = deps;
        let Deps { network_key, identity_key, account_changes, tracer, .. } = deps;
        let authenticator = Authenticator::new(links.clone(), clock.clone(), &config.public_url, network_key);
        let identities = Identities::new(&identity_key, &config.public_url);
        let kept = Store::new(config.cache, &cache, &clock, &tasks);
        let proxy = Proxy::new(&config, &tasks, identities, clock.now());
        let in_flight = Concurrency::new("process", config.limits.in_flight);
        Arc::new(Self {
            links,
            cache,
            clock,
            config,
            tls,
            metrics,
            health,
            info,
            authenticator,
            barriers: Barriers::default(),
            refusals: Refusals::default(),
            in_flight,
            tallies: Tallies::default(),
            own_accounts: Copies::new(account_changes),
            proxy,
            kept,
            measured: Measured::default(),
            tasks,
            tracer,
            heard: Mutex::default(),
            draining: AtomicBool::new(false),
        })
    }

    /// Whether the node is stopping: it still answers, but wants no new work.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
