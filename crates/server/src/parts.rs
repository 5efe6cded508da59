//! One service of a node: its database, its contracts, its jobs.

use std::sync::Arc;

use anyhow::bail;
use denizen_cache::Cache;
use denizen_db::{Db, Migration, Secrets};
use denizen_kit::bell::Bell;
use denizen_kit::caller::Role;
use denizen_kit::seal::Root;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use denizen_tls::LinkTls;
use tonic::service::RoutesBuilder;

use crate::config::Config;
use crate::figures::Figures;
use crate::keyring::Keyring;
use crate::traces::Traces;

/// What all services of a node share.
pub(crate) struct House {
    pub(crate) config: Config,
    pub(crate) root: Root,
    /// What a process without a database does not have.
    pub(crate) keyring: Option<Keyring>,
    pub(crate) cache: Cache,
    pub(crate) links: Links,
    /// TLS of the links between processes, where those speak it.
    pub(crate) link_tls: Option<LinkTls>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) traces: Traces,
    /// All that is measured in this process, where somebody can read it.
    pub(crate) figures: Option<Figures>,
}

/// One service that was opened.
pub(crate) struct Part {
    pub(crate) role: Role,
    pub(crate) db: Db,
    pub(crate) start_jobs: StartJobs,
}

/// Databases of the roles, each with its steps.
pub(crate) fn databases() -> Vec<(&'static str, &'static [Migration])> {
    vec![
        ("users", denizen_users::MIGRATIONS),
        ("keys", denizen_users::KEYS_MIGRATIONS),
        ("auth", denizen_auth::MIGRATIONS),
        ("password", denizen_password::MIGRATIONS),
        ("otp", denizen_otp::MIGRATIONS),
        ("notify", denizen_notify::MIGRATIONS),
        ("audit", denizen_audit::MIGRATIONS),
        ("gateway", denizen_gateway::MIGRATIONS),
    ]
}

/// Opens the database of a name: creates it where it is not there, and brings it up to date.
pub(crate) async fn connect(
    config: &denizen_db::Config,
    root: &Root,
    name: &'static str,
) -> anyhow::Result<Db> {
    let steps =
        databases().into_iter().find(|(known, _)| *known == name).map(|(_, steps)| steps).unwrap_or_default();
    let secrets = Secrets { events: root.events(), replies: root.service(&format!("{name}/replies")) };
    let db = Db::connect(config, name, &secrets, steps).await?;
    if !db.belongs_to(&root.mark()).await? {
        bail!(
            "the database {name} was sealed under another root key than the one in the keyring; put both back from \
             the same backup"
        );
    }
    Ok(db)
}

/// Who pulls the log of a service and must have seen each of its events.
const fn consumers_of(producer: Role) -> &'static [Role] {
    match producer {
        Role::Users => &[Role::Audit, Role::Auth, Role::Notify, Role::Otp, Role::Password],
        Role::Auth => &[Role::Audit, Role::Notify, Role::Users],
        Role::Password | Role::Otp => &[Role::Audit, Role::Notify],
        Role::Notify | Role::Audit => &[Role::Audit],
        Role::Gateway | Role::Operator => &[],
    }
}

/// Starts the jobs of a service.
type StartJobs = Box<dyn FnOnce(&Tasks) + Send>;

/// Opens a role's service and adds its contracts.
pub(crate) async fn open(house: &House, role: Role, routes: &mut RoutesBuilder) -> anyhow::Result<Part> {
    let db = connect(&house.config.db, &house.root, role.as_str()).await?;
    let start_jobs = match role {
        Role::Users => open_users(house, db.clone(), routes).await?,
        Role::Auth => open_auth(house, db.clone(), routes),
        Role::Password => open_password(house, db.clone(), routes),
        Role::Otp => open_otp(house, db.clone(), routes),
        Role::Notify => open_notify(house, db.clone(), routes),
        Role::Audit => open_audit(house, db.clone(), routes),
        Role::Gateway | Role::Operator => bail!("{role} is no service"),
    };
    // From now on, so that nothing goes before they have seen it, though one of them may start much later.
    for consumer in consumers_of(role) {
        db.acknowledge(consumer.as_str(), 0).await?;
    }
    Ok(Part { role, db, start_jobs })
}

async fn open_users(house: &House, db: Db, routes: &mut RoutesBuilder) -> anyhow::Result<StartJobs> {
    let keys_db = connect(&house.config.db, &house.root, "keys").await?;
    let app = Arc::new(denizen_users::App {
        db,
        cache: house.cache.clone(),
        objects: denizen_storage::Store::open(&house.config.storage, &house.config.db.data_dir)?,
        pictures: denizen_users::Pictures::default(),
        links: house.links.of(Role::Users),
        clock: house.clock.clone(),
        config: house.config.users.clone(),
        keys: denizen_users::Keys::new(&house.root, keys_db),
        access: Bell::default(),
        turns: Arc::default(),
    });
    denizen_users::add_routes(&app, routes);
    Ok(Box::new(move |tasks| denizen_users::start_jobs(&app, tasks)))
}

fn open_auth(house: &House, db: Db, routes: &mut RoutesBuilder) -> StartJobs {
    let links = house.links.of(Role::Auth);
    let keys = denizen_auth::Keys::new(&house.root, &links);
    let app =
        Arc::new(denizen_auth::App::new(db, links, house.clock.clone(), house.config.auth.clone(), keys));
    denizen_auth::add_routes(&app, routes);
    Box::new(move |tasks| denizen_auth::start_jobs(&app, tasks))
}

fn open_password(house: &House, db: Db, routes: &mut RoutesBuilder) -> StartJobs {
    let (links, clock, config) =
        (house.links.of(Role::Password), house.clock.clone(), house.config.password.clone());
    let app = Arc::new(denizen_password::App::new(db, links, clock, config, &house.root));
    denizen_password::add_routes(&app, routes);
    Box::new(move |tasks| denizen_password::start_jobs(&app, tasks))
}

fn open_otp(house: &House, db: Db, routes: &mut RoutesBuilder) -> StartJobs {
    let (links, clock, config) = (house.links.of(Role::Otp), house.clock.clone(), house.config.otp.clone());
    let app = Arc::new(denizen_otp::App::new(db, links, clock, config, &house.root));
    denizen_otp::add_routes(&app, routes);
    Box::new(move |tasks| denizen_otp::start_jobs(&app, tasks))
}

fn open_notify(house: &House, db: Db, routes: &mut RoutesBuilder) -> StartJobs {
    let links = house.links.of(Role::Notify);
    let keys = denizen_notify::Keys::new(&house.root, &links);
    let app =
        Arc::new(denizen_notify::App::new(db, links, house.clock.clone(), house.config.notify.clone(), keys));
    denizen_notify::add_routes(&app, routes);
    Box::new(move |tasks| denizen_notify::start_jobs(&app, tasks))
}

fn open_audit(house: &House, db: Db, routes: &mut RoutesBuilder) -> StartJobs {
    let links = house.links.of(Role::Audit);
    let app = Arc::new(denizen_audit::App {
        db,
        cache: house.cache.clone(),
        keys: denizen_audit::Keys::new(&house.root, &links),
        notary: denizen_audit::Notary::new(&house.root),
        links,
        clock: house.clock.clone(),
        config: house.config.audit.clone(),
    });
    denizen_audit::add_routes(&app, routes);
    Box::new(move |tasks| denizen_audit::start_jobs(&app, tasks))
}
