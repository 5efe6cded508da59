#![doc = include_str!("../README.md")]
// An op inside `run` inside `serve` is a deep type.
#![recursion_limit = "256"]

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

use denizen_db::{Db, Migration};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Root;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use denizen_rpc::events::internal::v1::Event;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use events::EVENTS;
pub use keys::Keys;

/// Steps of the schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_otp", sql: include_str!("../migrations/0001_otp.sql") },
    Migration { name: "0003_records", sql: include_str!("../migrations/0003_records.sql") },
    Migration { name: "0004_code_tries", sql: include_str!("../migrations/0004_code_tries.sql") },
];

/// The service and what it needs.
#[derive(Clone)]
pub struct App {
    /// Its codes.
    pub db: Db,
    /// The way to the other services.
    pub links: Links,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Its settings.
    pub config: Config,
    /// Its keys.
    pub keys: Keys,
}

// === impl App ===

impl App {
    /// The service with its parts; `links` are those of [`Role::Otp`].
    pub fn new(db: Db, links: Links, clock: Clock, config: Config, root: &Root) -> Self {
        Self { db, links, clock, config, keys: Keys::new(root) }
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

/// Takes events of users, as the job does: with an erased person all of their codes go.
pub async fn take_events(app: &App, events: &[Event]) -> Result<(), Problem> {
    Ok(ops::take_events(app, &Cx::job(Role::Otp, &app.clock), events).await?)
}

/// Cleans up once, as the jobs do every minute: what has ended goes.
pub async fn sweep(app: &App) -> Result<(), Problem> {
    jobs::sweep(app).await
}
