#![doc = include_str!("../README.md")]

mod config;
mod crowd;
mod error;
pub mod events;
mod jobs;
mod keys;
mod model;
mod ops;
mod peers;
mod ring;
mod rpc;
mod store;

use std::sync::Arc;

use denizen_db::{Db, Migration};
use denizen_kit::bell::Bell;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use denizen_rpc::auth::internal::v1::activity_server::ActivityServer;
use denizen_rpc::auth::internal::v1::auth_records_server::AuthRecordsServer;
use denizen_rpc::auth::internal::v1::sessions_server::SessionsServer;
use denizen_rpc::auth::internal::v1::signing_server::SigningServer;
use denizen_rpc::auth::v1::auth_server::AuthServer;
use denizen_rpc::auth::v1::factors_server::FactorsServer;
use denizen_rpc::auth::v1::service_accounts_server::ServiceAccountsServer;
use tonic::service::RoutesBuilder;

pub use config::{Algorithm, Config, LimitPolicy};
pub use crowd::Crowd;
pub use error::{Error, Result};
pub use events::EVENTS;
pub use keys::Keys;

/// The steps that make and change the tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_auth", sql: include_str!("../migrations/0001_auth.sql") },
    Migration { name: "0002_service_accounts", sql: include_str!("../migrations/0002_service_accounts.sql") },
    Migration { name: "0003_second_factors", sql: include_str!("../migrations/0003_second_factors.sql") },
    Migration { name: "0004_records", sql: include_str!("../migrations/0004_records.sql") },
    Migration { name: "0005_known_devices", sql: include_str!("../migrations/0005_known_devices.sql") },
];

/// What the service works with.
pub struct App {
    /// Its database.
    pub db: Db,
    /// Its ways to the other services, in its own role.
    pub links: Links,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Its settings.
    pub config: Config,
    /// Its secret keys.
    pub keys: Keys,
    /// Wakes the streams of revocations.
    pub feed: Bell,
    /// Whether there was no room for a password a moment ago.
    pub crowd: Crowd,
}

impl App {
    /// The service, with a bell of its own and nobody at the door.
    pub fn new(db: Db, links: Links, clock: Clock, config: Config, keys: Keys) -> Self {
        Self { db, links, clock, config, keys, feed: Bell::default(), crowd: Crowd::default() }
    }
}

/// Adds what the service answers.
pub fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(AuthServer::new(rpc::AuthService(app.clone())));
    routes.add_service(FactorsServer::new(rpc::FactorsService(app.clone())));
    routes.add_service(SessionsServer::new(rpc::SessionsService(app.clone())));
    routes.add_service(SigningServer::new(rpc::SigningService(app.clone())));
    routes.add_service(ActivityServer::new(rpc::ActivityService(app.clone())));
    routes.add_service(ServiceAccountsServer::new(rpc::ServiceAccountsService(app.clone())));
    routes.add_service(AuthRecordsServer::new(rpc::RecordsService(app.clone())));
}

/// Starts the clean-up, makes the first signing key, and lets the streams end with the node.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
}
