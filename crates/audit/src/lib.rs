#![doc = include_str!("../README.md")]

pub mod chain;
mod config;
mod error;
mod events;
mod jobs;
mod keys;
mod model;
mod ops;
mod rpc;
mod store;

use std::sync::Arc;

use denizen_cache::Cache;
use denizen_db::{Db, Migration};
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use error::Error;
pub use events::EVENTS;
pub use keys::Keys;
pub use model::{Content, PRODUCERS};

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
}

/// The steps of the service's schema.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_audit", sql: include_str!("../migrations/0001_audit.sql") }];

/// Adds the service's contract to the routes of the process.
pub fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(rpc::server(app));
}

/// Starts the one appender of this process, and a follower of each producer's events.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
}
