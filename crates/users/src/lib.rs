#![doc = include_str!("../README.md")]

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
pub use events::EVENTS;
pub use keys::Keys;
pub use model::Status;
pub use ops::list_users::TABLE as LIST_TABLE;

/// Steps of the schema.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_users", sql: include_str!("../migrations/0001_users.sql") }];

/// Steps of the schema of the data keys, which live apart.
pub const KEYS_MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_data_keys", sql: include_str!("../keys_migrations/0001_data_keys.sql") }];

/// The service and what it needs.
#[derive(Clone)]
pub struct App {
    /// Its accounts.
    pub db: Db,
    /// Fast shared state.
    pub cache: Cache,
    /// The way to the other services.
    pub links: Links,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Its settings.
    pub config: Config,
    /// Its keys, and people's.
    pub keys: Keys,
}

/// Adds the service's contracts.
pub fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    rpc::add_routes(app, routes);
}

/// Starts what runs beside the calls.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
}
