//! Whole systems in one test process.

use std::collections::BTreeMap;

use anyhow::Context as _;
use denizen_kit::caller::Role;
use denizen_kit::config::Settings;
use denizen_kit::cx::Cx;
use denizen_kit::time::Clock;
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request};
use denizen_server::config::{self, Config};
use denizen_server::node::{Listeners, Node};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::client::Client;
use crate::topology::{Topology, servers};

/// A master key for tests, 32 bytes in base64.
const MASTER_KEY: &str = "dGVzdHMgb25seTogMzIgYnl0ZXMgb2YgYSBrZXkgISE=";

/// Settings of a test beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keys and values as in the settings file.
    pub settings: Vec<(&'static str, String)>,
    /// The clock of all nodes; the machine's when there is none.
    pub clock: Option<Clock>,
}

/// Nodes that make up a system.
#[derive(Debug)]
pub struct Cluster {
    /// Base address of each gateway.
    pub gateways: Vec<String>,
    /// The nodes by what they run.
    pub nodes: BTreeMap<String, Node>,
    configs: BTreeMap<String, Config>,
    clock: Clock,
    database: Option<String>,
    folder: TempDir,
}

// === impl Cluster ===

impl Cluster {
    /// Starts a system with cheap hashes and no request limits.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(topology: Topology) -> Self {
        Self::with(topology, Options::default()).await
    }

    /// Starts a system with settings of the test's own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with(topology: Topology, options: Options) -> Self {
        Self::try_with(topology, options).await.unwrap_or_else(|error| panic!("{topology:?}: {error:#}"))
    }

    async fn try_with(topology: Topology, options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = if topology.is_postgres() { Some(fresh_database().await?) } else { None };
        let groups: Vec<(String, String)> = if topology.is_split() {
            let services = Role::ALL.into_iter().filter(|role| *role != Role::Gateway);
            let services = services.map(|role| (role.to_string(), role.to_string()));
            let gateways = ["gateway-1", "gateway-2"].map(|name| (name.to_owned(), "gateway".to_owned()));
            services.chain(gateways).collect()
        } else {
            vec![("all".to_owned(), "all".to_owned())]
        };
        let mut sockets = BTreeMap::new();
        for (name, _) in &groups {
            sockets.insert(name.clone(), TcpListener::bind("127.0.0.1:0").await?);
        }
        let clock = options.clock.clone().unwrap_or(Clock::System);
        let mut cluster = Self {
            gateways: Vec::new(),
            nodes: BTreeMap::new(),
            configs: BTreeMap::new(),
            clock,
            database,
            folder,
        };
        let addresses: BTreeMap<String, String> = sockets
            .iter()
            .map(|(name, socket)| Ok((name.clone(), socket.local_addr()?.to_string())))
            .collect::<anyhow::Result<_>>()?;
        let public_url =
            format!("http://{}", addresses.get("gateway-1").or(addresses.get("all")).context("no gateway")?);
        for (name, roles) in groups {
            let config = cluster.config((&roles, &addresses[&name]), &public_url, &addresses, &options)?;
            let socket = sockets.remove(&name);
            cluster.configs.insert(name.clone(), config.clone());
            let listeners = Listeners { main: socket, ..Listeners::default() };
            let node = Node::start(config, listeners, cluster.clock.clone()).await.context(name.clone())?;
            if roles == "all" || roles == "gateway" {
                cluster.gateways.push(format!("http://{}", addresses[&name]));
            }
            cluster.nodes.insert(name, node);
        }
        Ok(cluster)
    }

    /// The settings of one node.
    fn config(
        &self,
        (roles, listen): (&str, &str),
        public_url: &str,
        addresses: &BTreeMap<String, String>,
        options: &Options,
    ) -> anyhow::Result<Config> {
        let mut settings = Settings::load("", []);
        let mut set = |key: &str, value: &str| settings.set(key, value, "test");
        set("listen", listen);
        set("public_url", public_url);
        set("mode", "development");
        set("roles", roles);
        set("master_key", MASTER_KEY);
        set("data_dir", &self.folder.path().to_string_lossy());
        set("gateway.limits.enabled", "false");
        set("gateway.access_log", "false");
        set("password.argon2.memory_kib", "64");
        set("password.argon2.iterations", "1");
        set("database.pool", "4");
        if let (Some(database), Some((_, cache))) = (&self.database, servers()) {
            set("database_url", database);
            set("cache_url", &cache);
        }
        let speaks_tls = options.settings.iter().any(|(key, _)| *key == "services.tls.ca");
        let scheme = if speaks_tls { "https" } else { "http" };
        if roles != "all" {
            for (name, address) in addresses.iter().filter(|(name, _)| !name.starts_with("gateway")) {
                set(&format!("services.{name}.url"), &format!("{scheme}://{address}"));
            }
        }
        for (key, value) in &options.settings {
            set(key, value);
        }
        Ok(config::read(settings).map_err(anyhow::Error::msg)?.0)
    }

    /// A client at the first gateway's door.
    ///
    /// # Panics
    /// Never: there is a gateway in every topology.
    pub fn client(&self) -> Client {
        Client::new(&self.gateways[0])
    }

    /// Where all nodes keep their files.
    pub fn data_folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Whether there is an account with this e-mail address, as the operator sees it. A login that fails would count
    /// as a try.
    ///
    /// # Panics
    /// Never: there is a node in every cluster.
    pub async fn has_account(&self, email: &str) -> bool {
        let links = &self.nodes.values().next().expect("there is a node").links;
        let cx = Cx::job(Role::Operator, &self.clock);
        let by = Some(lookup_request::By::Email(email.to_owned()));
        let found = links.directory(&cx).lookup(LookupRequest { by }).await;
        found.is_ok_and(|answer| answer.into_inner().user.is_some())
    }

    /// Stops one node, as a restart would.
    ///
    /// # Panics
    /// When there is no such node.
    pub async fn stop_node(&mut self, name: &str) {
        self.nodes.remove(name).expect("a node of this name").stop().await;
    }

    /// Starts a node again on its old address.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_node(&mut self, name: &str) {
        let config = self.configs[name].clone();
        let listeners = Listeners::bind(&config).await.expect("the old address is free");
        let node = Node::start(config, listeners, self.clock.clone()).await.expect("the node starts again");
        self.nodes.insert(name.to_owned(), node);
    }

    /// Stops all nodes.
    pub async fn stop(self) {
        for (_, node) in self.nodes {
            node.stop().await;
        }
    }
}

/// Makes a database for one test on the throw-away server.
pub async fn fresh_database() -> anyhow::Result<String> {
    let (server, _) = servers().context("DENIZEN_TEST_DATABASE_URL is not set")?;
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    let mut random = [0; 8];
    denizen_kit::seal::random(&mut random);
    let name = format!("denizen_{:016x}", u64::from_be_bytes(random));
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    drop(client);
    driving.await??;
    let (base, _) = server.rsplit_once('/').context("the address ends with a database")?;
    Ok(format!("{base}/{name}"))
}
