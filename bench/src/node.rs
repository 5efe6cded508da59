//! A Denizen server in a process of its own, on fresh data.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::Options;
use crate::engine::Engine;
use crate::http1::{Connection, Outgoing};

/// The core of the server, bare or not.
pub(crate) const SERVER_CORE: &str = "0";

/// Both cores, for a server that may use two.
pub(crate) const BOTH_CORES: &str = "0,1";

/// E-mail address of the administrator.
pub(crate) const ADMIN: &str = "admin@bench.example";

/// The password of the administrator and of all others.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Quotas that no run reaches, one for each microsecond: the limits stay on, and their cost with them.
const QUOTA: &str = "60000000/1m";

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where one node lives: its data, its address, its settings.
#[derive(Debug)]
pub(crate) struct Site {
    binary: PathBuf,
    engine: Engine,
    folder: TempDir,
    address: SocketAddr,
}

/// A running server. It is killed with this value.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
}

// === impl Site ===

impl Site {
    /// A place for a node, with nothing in it yet.
    pub(crate) fn new(options: &Options, engine: &Engine) -> anyhow::Result<Self> {
        let binary = options
            .server
            .canonicalize()
            .with_context(|| format!("{}: build it first", options.server.display()))?;
        let folder = tempfile::Builder::new().prefix("denizen-bench-").tempdir_in(&options.scratch)?;
        Ok(Self { binary, engine: engine.clone(), folder, address: free_address()? })
    }

    /// Starts the server on these cores, and says how long it took until it was ready.
    pub(crate) async fn start(&self, cores: &str) -> anyhow::Result<(Node, Duration)> {
        let log = File::options().create(true).append(true).open(self.log())?;
        // `admin.*` and the rest by the environment alone; the working folder holds no settings file.
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(&self.binary).arg("serve").current_dir(self.folder.path());
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(self.settings())
            .envs(self.secrets());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let started = Instant::now();
        let child = command.spawn().context("taskset (of util-linux) is needed")?;
        let mut node = Node { child, address: self.address };
        let ready = wait_for(&mut node.child, self.address, "/health/ready").await;
        ready.with_context(|| {
            format!("the server did not get ready; the end of its log:\n{}", tail(&self.log()))
        })?;
        Ok((node, started.elapsed()))
    }

    /// The settings that are no secrets, for the report.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DENIZEN_MODE", "development".to_owned()),
            ("DENIZEN_LISTEN", self.address.to_string()),
            ("DENIZEN_PUBLIC_URL", format!("http://{}", self.address)),
            ("DENIZEN_DATA_DIR", "data".to_owned()),
            ("DENIZEN_LOG", "info".to_owned()),
            ("DENIZEN_ADMIN__EMAIL", ADMIN.to_owned()),
            ("DENIZEN_GATEWAY__LIMITS__GLOBAL", QUOTA.to_owned()),
            ("DENIZEN_GATEWAY__LIMITS__PER_IP", QUOTA.to_owned()),
            ("DENIZEN_GATEWAY__LIMITS__PER_USER", QUOTA.to_owned()),
            ("DENIZEN_GATEWAY__LIMITS__AUTH_PER_IP", QUOTA.to_owned()),
            ("DENIZEN_GATEWAY__LIMITS__AUTH_PER_ACCOUNT", QUOTA.to_owned()),
        ]
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let mut secrets = vec![("DENIZEN_ADMIN__PASSWORD", PASSWORD.to_owned())];
        if let Engine::Postgres { database, cache, .. } = &self.engine {
            secrets.push(("DENIZEN_DATABASE_URL", database.clone()));
            secrets.extend(cache.iter().map(|cache| ("DENIZEN_CACHE_URL", cache.clone())));
        }
        secrets
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

// === impl Node ===

impl Node {
    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        anyhow::ensure!(told.success(), "kill -TERM failed");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "the server stopped with {status}");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the server did not stop within {} s", PATIENCE.as_secs())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a path answers 200, looking each millisecond or two.
pub(crate) async fn wait_for(child: &mut Child, address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let ask = Outgoing::get(path, None)?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
        if let Ok(mut connection) = Connection::open(address).await
            && let Ok(answer) = connection.send(&ask).await
            && answer.status == 200
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("{path} did not answer 200 within {} s", PATIENCE.as_secs())
}

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
