#![doc = include_str!("../README.md")]
// An op inside `run` inside `serve` is a deep type.
#![recursion_limit = "256"]

mod config;
mod error;
mod events;
mod hash;
mod jobs;
mod keys;
mod model;
mod ops;
mod pool;
mod rpc;
mod store;

use std::sync::Arc;

use denizen_db::{Db, Migration};
use denizen_kit::bell::Bell;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Root;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use tokio::sync::Notify;
use tonic::service::RoutesBuilder;

pub use config::{Config, Sources};
pub use events::EVENTS;
pub use hash::{Cost, Peppers, ScryptCost, Setting};
pub use keys::Keys;
pub use model::Policy;
pub use pool::Pool;

/// Steps of the schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_password", sql: include_str!("../migrations/0001_password.sql") },
    Migration { name: "0002_ip_blocks", sql: include_str!("../migrations/0002_ip_blocks.sql") },
    Migration { name: "0003_proved_by_mail", sql: include_str!("../migrations/0003_proved_by_mail.sql") },
];

/// The service and what it needs.
#[derive(Clone)]
pub struct App {
    /// Its hashes.
    pub db: Db,
    /// The way to the other services.
    pub links: Links,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Its settings.
    pub config: Config,
    /// Its keys.
    pub keys: Keys,
    /// Where hashes are computed.
    pub pool: Pool,
    /// What a good password is.
    pub policy: Arc<Policy>,
    /// Wakes the job that looks up requests for a reset.
    pub requested: Arc<Notify>,
    /// Wakes the streams of IP blocks.
    pub blocks_bell: Bell,
}

// === impl App ===

impl App {
    /// The service with its parts; `links` are those of [`Role::Password`](denizen_kit::caller::Role::Password).
    pub fn new(db: Db, links: Links, clock: Clock, config: Config, root: &Root) -> Self {
        let pool = Pool::new(config.slots, config.queue, (config.hash, config.peppers.clone()));
        let policy = Arc::new(Policy::new(config.min_length, config.min_score));
        Self {
            db,
            links,
            clock,
            config,
            keys: Keys::new(root),
            pool,
            policy,
            requested: Arc::default(),
            blocks_bell: Bell::default(),
        }
    }
}

/// Adds the service's contracts.
pub fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    rpc::add_routes(app, routes);
}

/// Starts what runs beside the calls.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
}

/// Cleans up once, as the jobs do every minute: what has ended goes, and credentials that no account claimed.
pub async fn sweep(app: &App) -> Result<(), Problem> {
    jobs::sweep(app).await.map_err(Problem::from)
}
