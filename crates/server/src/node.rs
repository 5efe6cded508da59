//! A node: the services of one process, wired. The only wiring there is; `main` and every test start one alike.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use denizen_cache::Cache;
use denizen_db::Db;
use denizen_gateway as gateway;
use denizen_kit::caller::Role;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::{Link, Links, Services, Signer};
use denizen_tls::LinkTls;
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::config::Config;
use crate::event_log::{self, EventLogs};
use crate::figures::Figures;
use crate::internal::{self, Internal};
use crate::keyring::{self, Keyring, Opened};
use crate::parts::{House, Part};
use crate::traces::Traces;
use crate::{first_admin, health, master_key, parts};

/// Sockets to serve on, bound before the node starts, so that whoever starts it knows the ports.
#[derive(Debug, Default)]
pub struct Listeners {
    /// For the public faces, or for internal calls when no gateway runs here.
    pub main: Option<TcpListener>,
    /// For the public faces over TLS.
    pub tls: Option<TcpListener>,
    /// For internal calls beside the public faces.
    pub internal: Option<TcpListener>,
    /// For metrics alone, whatever runs here.
    pub metrics: Option<TcpListener>,
}

/// The running services of one process.
#[derive(Debug)]
pub struct Node {
    /// Where the node serves, if it does.
    pub address: Option<SocketAddr>,
    /// Where it answers other processes, if it does.
    pub internal_address: Option<SocketAddr>,
    /// The operator's links to all services.
    pub links: Links,
    /// The databases of the services that run here.
    pub databases: HashMap<Role, Db>,
    keyring: Option<Keyring>,
    gateway_db: Option<Db>,
    services: Services,
    tasks: Tasks,
    traces: Traces,
}

/// What serving needs beside the house.
struct Wiring<'a> {
    services: &'a Services,
    signer: Signer,
    databases: &'a HashMap<Role, Db>,
    tls: Option<Arc<gateway::Tls>>,
}

// === impl Listeners ===

impl Listeners {
    /// Binds what the settings ask for.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |address: SocketAddr, key: &str| {
            TcpListener::bind(address).await.with_context(|| {
                format!("cannot serve on {address}; is it in use? set {key} to another address")
            })
        };
        let main = Some(bind(config.listen, "listen (DENIZEN_LISTEN)").await?);
        let internal = match config.internal_listen {
            Some(address) if config.roles.has(Role::Gateway) => Some(bind(address, "internal_listen").await?),
            _ => None,
        };
        let metrics = match config.gateway.metrics_listen {
            Some(address) => Some(bind(address, "metrics_listen (DENIZEN_METRICS_LISTEN)").await?),
            None => None,
        };
        let tls = match config.gateway.sockets.tls.listen {
            Some(address) if config.roles.has(Role::Gateway) => {
                Some(bind(address, "gateway.tls.listen").await?)
            }
            _ => None,
        };
        Ok(Self { main, tls, internal, metrics })
    }
}

// === impl Node ===

impl Node {
    /// Starts the roles of the settings. Without listeners nothing runs beside the calls: that is for commands.
    pub async fn start(config: Config, listeners: Listeners, clock: Clock) -> anyhow::Result<Node> {
        // On the heap: all services start in it, and nobody who waits for it carries the room for that.
        Box::pin(Self::start_roles(config, listeners, clock)).await
    }

    async fn start_roles(config: Config, listeners: Listeners, clock: Clock) -> anyhow::Result<Node> {
        let serving = listeners.main.is_some();
        // First of all: what is counted before somebody listens is counted for nobody, then and later.
        let is_read = config.roles.has(Role::Gateway) || listeners.metrics.is_some();
        let figures = (serving && is_read).then(Figures::of_process);
        let Opened { root, keyring } = Box::pin(keyring::open(&config, &clock)).await?;
        let signing_key = config.shared_key.as_deref().map(master_key::decode).transpose()?;
        let signer = Signer::new(signing_key.unwrap_or_else(|| root.callers()), clock.clone());
        let tasks = Tasks::new();
        let cache = Cache::connect(&config.cache, &tasks).await.context("cache_url")?;
        let traces =
            if serving { Traces::start(&config.telemetry, &config.roles, &clock)? } else { Traces::off() };
        let services = Services::traced(traces.tracer.clone());
        let link_tls = config.links.as_ref().map(LinkTls::open).transpose().context("services.tls")?;
        if let Some(tls) = &link_tls {
            tls.follow(&tasks);
        }
        let table = Arc::new(links_table(&config, &services, link_tls.as_ref(), &tasks));
        let links = Links::new(Role::Operator, table, signer.clone()).traced(traces.tracer.clone());
        let mut house =
            House { config, root, keyring, cache, links, link_tls, clock, tasks, traces, figures };

        let mut routes = Routes::builder();
        let mut started: Vec<Part> = Vec::new();
        for role in house.config.roles.iter().filter(|role| *role != Role::Gateway) {
            let part = parts::open(&house, role, &mut routes)
                .await
                .with_context(|| format!("the service {role}"))?;
            started.push(part);
        }
        let databases: HashMap<Role, Db> = started.iter().map(|part| (part.role, part.db.clone())).collect();
        let logs = EventLogs::start(databases.clone(), &house.cache, &house.clock, &house.tasks);
        routes.add_service(event_log::server(logs));
        services.fill(routes.routes());
        if serving {
            for part in started {
                part.db.start_jobs(&house.tasks, &house.clock);
                (part.start_jobs)(&house.tasks);
            }
            first_admin::ensure(&house.config, &house.links, &house.clock, &house.tasks).await;
        }
        if let Some(keyring) = house.keyring.as_mut().filter(|_| serving) {
            Box::pin(keyring.join(&house.config.roles, &house.clock, &house.tasks)).await?;
        }

        let public_tls = if serving { public_tls(&house).await? } else { None };
        let gateway_db = public_tls.as_ref().and_then(|(_, db)| db.clone());
        let wiring = Wiring {
            services: &services,
            signer,
            databases: &databases,
            tls: public_tls.map(|(tls, _)| tls),
        };
        let (address, internal_address) = serve(&house, listeners, wiring)?;
        let House { links, tasks, keyring, traces, .. } = house;
        Ok(Node { address, internal_address, links, databases, keyring, gateway_db, services, tasks, traces })
    }

    /// Stops in order: no new connections, requests drained, jobs ended, databases closed, the last spans sent.
    pub async fn stop(self) {
        self.tasks.stop().await;
        self.services.clear();
        for db in self.databases.values().chain(&self.gateway_db) {
            db.close().await;
        }
        if let Some(keyring) = self.keyring {
            keyring.leave().await;
        }
        self.traces.stop().await;
    }
}

/// Where each role is: here, elsewhere, or unknown.
fn links_table(
    config: &Config,
    services: &Services,
    tls: Option<&LinkTls>,
    tasks: &Tasks,
) -> HashMap<Role, Link> {
    let link = |role: Role| {
        if config.roles.has(role) {
            return Link::Local(services.clone());
        }
        match config.services.get(&role) {
            Some(targets) => Link::Remote(denizen_upstream::channel_with(targets, tls, tasks)),
            None => Link::Absent,
        }
    };
    Role::ALL.into_iter().filter(|role| *role != Role::Gateway).map(|role| (role, link(role))).collect()
}

/// TLS of the public faces where it is served, and the gateway's own database where ACME needs one.
async fn public_tls(house: &House) -> anyhow::Result<Option<(Arc<gateway::Tls>, Option<Db>)>> {
    let config = &house.config.gateway.sockets;
    if !house.config.roles.has(Role::Gateway) || config.tls.listen.is_none() {
        return Ok(None);
    }
    let (acme, db) = match &config.acme {
        None => (None, None),
        Some(acme) => {
            let db =
                parts::connect(&house.config.db, &house.root, "gateway").await.context("gateway.acme")?;
            let key = house.root.service("gateway/acme");
            let acme =
                gateway::Acme::open(acme, db.clone(), key, house.clock.clone()).context("gateway.acme")?;
            (Some(acme), Some(db))
        }
    };
    Ok(Some((Arc::new(gateway::Tls::open(config, acme).context("gateway.tls")?), db)))
}

/// Serves the public faces where the gateway runs, and internal calls.
fn serve(
    house: &House,
    listeners: Listeners,
    wiring: Wiring<'_>,
) -> anyhow::Result<(Option<SocketAddr>, Option<SocketAddr>)> {
    let Some(main) = listeners.main else { return Ok((None, None)) };
    let address = main.local_addr()?;
    let roles: Vec<Role> = house.config.roles.iter().collect();
    let network = wiring.services.network(wiring.signer, roles);
    let databases = wiring.databases;
    let (keyring, tls) = (house.keyring.clone(), house.link_tls.clone());
    let internal = Internal { network, databases: databases.clone(), keyring, tls };
    if let Some(figures) = &house.figures {
        house.tasks.spawn_until_stopped("metrics.tidy", figures.clone().tidy());
    }
    if !house.config.roles.has(Role::Gateway) {
        internal::serve(main, internal, &house.tasks);
        if let (Some(listener), Some(figures)) = (listeners.metrics, &house.figures) {
            serve_metrics(listener, figures.shown(), &house.tasks);
        }
        return Ok((Some(address), Some(address)));
    }
    let app = gateway_app(house, databases, wiring.tls);
    gateway::start_jobs(&app, &house.tasks);
    if let Some(listener) = listeners.metrics {
        serve_metrics(listener, gateway::metrics_of(&app), &house.tasks);
    }
    let (tasks, sockets) = (house.tasks.clone(), gateway::Sockets { plain: main, tls: listeners.tls });
    house.tasks.spawn("gateway", async move { gateway::serve(app, sockets, &tasks).await });
    let Some(listener) = listeners.internal else { return Ok((Some(address), None)) };
    let internal_address = listener.local_addr()?;
    internal::serve(listener, internal, &house.tasks);
    Ok((Some(address), Some(internal_address)))
}

/// Serves metrics on a socket of their own until the node stops.
fn serve_metrics(listener: TcpListener, metrics: gateway::Metrics, tasks: &Tasks) {
    let router = gateway::metrics_router(metrics);
    tasks.spawn_until_stopped("metrics", async move { drop(axum::serve(listener, router).await) });
}

fn gateway_app(
    house: &House,
    databases: &HashMap<Role, Db>,
    tls: Option<Arc<gateway::Tls>>,
) -> Arc<gateway::App> {
    let links = house.links.of(Role::Gateway);
    let health = health::checks(databases, &links, &house.clock);
    let info = gateway::Info {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roles: house.config.roles.iter().collect(),
        engine: databases.values().next().map(Db::engine).unwrap_or_default().to_owned(),
    };
    gateway::App::new(gateway::Deps {
        links,
        cache: house.cache.clone(),
        clock: house.clock.clone(),
        config: house.config.gateway.clone(),
        tls,
        metrics: house.figures.clone().unwrap_or_else(Figures::of_process).shown(),
        health,
        info,
        network_key: house.root.networks(),
        account_changes: databases.get(&Role::Users).and_then(Db::changes),
        identity_key: house.root.service("gateway-identity"),
        tasks: house.tasks.clone(),
        tracer: house.traces.tracer.clone(),
    })
}
