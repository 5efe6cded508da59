#![doc = include_str!("../README.md")]

pub mod chain;
mod config;
mod error;
mod events;
mod jobs;
mod kept;
mod keys;
mod model;
pub mod notary;
mod ops;
mod ranges;
mod rpc;
mod store;
mod verification;

use std::sync::Arc;

use denizen_cache::Cache;
use denizen_db::{Db, Migration};
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use tonic::service::RoutesBuilder;

pub use config::{Config, Retention};
pub use error::Error;
pub use events::EVENTS;
pub use kept::{Kept, KeptError};
pub use keys::Keys;
pub use model::{Content, PRODUCERS};
pub use notary::Notary;
pub use verification::{Verdict, Verification};

/// All that the operations of the service need.
#[derive(Debug)]
pub struct App {
    /// The service's own database.
    pub db: Db,
    /// Fast state that all processes share.
    pub cache: Cache,
    /// Ways to the other services, as audit.
    pub links: Links,
    /// Where the time comes from.
    pub clock: Clock,
    /// The settings.
    pub config: Config,
    /// The keys that open and seal addresses of callers.
    pub keys: Keys,
    /// Signs how far the trail has reached.
    pub notary: Notary,
}

/// The steps of the service's schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_audit", sql: include_str!("../migrations/0001_audit.sql") },
    Migration { name: "0002_checkpoints", sql: include_str!("../migrations/0002_checkpoints.sql") },
    Migration { name: "0003_counters", sql: include_str!("../migrations/0003_counters.sql") },
];

/// Adds the service's contract to the routes of the process.
pub fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(rpc::audit::server(app));
    routes.add_service(rpc::records::server(app));
    routes.add_service(rpc::trail::server(app));
    routes.add_service(rpc::statistics::server(app));
    routes.add_service(rpc::reports::server(app));
}

/// Takes the contents of entries whose time is over. The job does it every hour.
pub async fn retain(app: &App) -> Result<(), Problem> {
    jobs::retain_all(app).await
}

/// Starts the one appender of this process, and a follower of each producer's events.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
}
