#![doc = include_str!("../README.md")]

mod config;
mod error;
mod events;
mod jobs;
mod keys;
mod leases;
mod model;
mod ops;
mod pictures;
mod privacy_jobs;
mod rpc;
mod store;
mod turns;

use std::sync::Arc;

use denizen_cache::Cache;
use denizen_db::{Db, Migration};
use denizen_kit::bell::Bell;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use denizen_storage::Store;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use events::EVENTS;
pub use keys::Keys;
pub use model::Status;
pub use ops::list_users::TABLE as LIST_TABLE;
pub use pictures::Pictures;
pub use turns::Turns;

/// Steps of the schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_users", sql: include_str!("../migrations/0001_users.sql") },
    Migration { name: "0002_roles", sql: include_str!("../migrations/0002_roles.sql") },
    Migration { name: "0003_privacy", sql: include_str!("../migrations/0003_privacy.sql") },
    Migration { name: "0005_imports", sql: include_str!("../migrations/0005_imports.sql") },
];

/// Steps of the schema of the data keys, which live apart.
pub const KEYS_MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_data_keys", sql: include_str!("../keys_migrations/0001_data_keys.sql") },
    Migration {
        name: "0002_destroyed_keys",
        sql: include_str!("../keys_migrations/0002_destroyed_keys.sql"),
    },
];

/// The service and what it needs.
#[derive(Clone)]
pub struct App {
    /// Its accounts.
    pub db: Db,
    /// Fast shared state.
    pub cache: Cache,
    /// Pictures and archives.
    pub objects: Store,
    /// Where pictures are drawn.
    pub pictures: Pictures,
    /// The way to the other services.
    pub links: Links,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Its settings.
    pub config: Config,
    /// Its keys, and people's.
    pub keys: Keys,
    /// Wakes the streams of what roles allow.
    pub access: Bell,
    /// The imports that are under way.
    pub turns: Arc<Turns>,
}

/// Adds the service's contracts.
pub fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    rpc::add_routes(app, routes);
}

/// Starts what runs beside the calls.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
    privacy_jobs::start(app, tasks);
}
