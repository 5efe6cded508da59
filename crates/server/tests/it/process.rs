//! Processes of the real program: started with settings of the test alone, waited for, stopped, killed.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use denizen_testkit::{Client, fresh_database, servers};
use tokio::time::Instant;

/// How long a process may take to answer, and a command to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a process may take to stop in order.
const STOP: Duration = Duration::from_secs(5);

/// Ports below the range from which Linux takes those of outgoing connections (32768 and up): a port that waits
/// for its process to come back must not become the other end of a test's own connection.
const PORTS: std::ops::Range<u32> = 15_000..32_000;

/// Where the data is.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// Files in the data folder, cache in memory.
    Sqlite,
    /// A database of its own on the throw-away servers.
    Postgres {
        /// Address of the database.
        database: String,
        /// Address of the cache.
        cache: String,
    },
}

impl Engine {
    /// A fresh database on each engine that there is.
    pub(crate) async fn available() -> Vec<Self> {
        let Some((_, cache)) = servers() else { return vec![Self::Sqlite] };
        let database = fresh_database().await.unwrap();
        vec![Self::Sqlite, Self::Postgres { database, cache }]
    }
}

/// How a process is started, as often as it is.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// Where it serves.
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    log: PathBuf,
    variables: Vec<(String, String)>,
}

// === impl Launch ===

impl Launch {
    /// A process with nothing set but a free port, in a working folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let launch = Self {
            address,
            folder: folder.to_owned(),
            log: folder.join(format!("{}.log", address.port())),
            variables: Vec::new(),
        };
        launch.set("listen", &address.to_string())
    }

    /// With cheap hashes, without request limits and without a log of requests.
    #[must_use]
    pub(crate) fn cheap(self) -> Self {
        self.set("gateway.limits.enabled", "false")
            .set("gateway.access_log", "false")
            .set("password.argon2.memory_kib", "64")
            .set("password.argon2.iterations", "1")
            .set("log", "warn")
    }

    /// On an engine.
    #[must_use]
    pub(crate) fn on(self, engine: &Engine) -> Self {
        match engine {
            Engine::Sqlite => self,
            Engine::Postgres { database, cache } => {
                self.set("database_url", database).set("cache_url", cache).set("database.pool", "4")
            }
        }
    }

    /// With a setting, by its key.
    #[must_use]
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.variables.push((variable(key), value.to_owned()));
        self
    }

    /// Its base address.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A command with the same settings and folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.folder, arguments);
        command.envs(self.variables.iter().cloned());
        command
    }

    /// Starts it; it may not answer yet.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let log = || -> File { OpenOptions::new().create(true).append(true).open(&self.log).unwrap() };
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Process { child: Some(child), launch: self.clone(), http }
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn ready(&self) -> Process {
        let mut process = self.start(&[]);
        process.answers("/health/ready").await;
        process
    }
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Option<Child>,
    launch: Launch,
    http: reqwest::Client,
}

// === impl Process ===

impl Process {
    /// A client at its door.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.launch.base())
    }

    /// Waits until it answers a GET with 200.
    pub(crate) async fn answers(&mut self, path: &str) {
        let url = format!("{}{path}", self.launch.base());
        let start = Instant::now();
        loop {
            let answer = self.http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the process ended: {ended:?}\n{}", self.log());
            assert!(start.elapsed() < PATIENCE, "{path} is not answered\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has logged, in all its runs.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.launch.log).unwrap_or_default()
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let child = self.child.take().unwrap();
        signal(child.id(), "TERM");
        finish(child, STOP).status
    }

    /// Kills it (SIGKILL): nothing of it runs any more when this returns.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit status.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Finished {
    /// The command, if it ended with this status.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }
}

/// The program in a working folder, without settings from this process's environment.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denizen"));
    let kept = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(kept).current_dir(folder).args(arguments);
    command
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command, input: &str) -> Finished {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing may have ended before.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = finish(child, PATIENCE);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Finished { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The variable of a key.
pub(crate) fn variable(key: &str) -> String {
    format!("DENIZEN_{}", key.replace('.', "__").to_uppercase())
}

/// Random bits.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    denizen_kit::seal::random(&mut bytes);
    u64::from_be_bytes(bytes)
}

fn finish(child: Child, limit: Duration) -> Output {
    let pid = child.id();
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(limit) else {
        signal(pid, "KILL");
        let output = ended.recv().unwrap().unwrap();
        panic!("the process did not end within {limit:?}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    output.unwrap()
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().unwrap();
    assert!(sent.success(), "kill -{name} {pid}");
}

/// A port that nobody uses; no two tests of this program get the same.
pub(crate) fn free_port() -> u16 {
    static FIRST: OnceLock<u32> = OnceLock::new();
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    let first = *FIRST.get_or_init(|| u32::try_from(random() % u64::from(count)).unwrap());
    let candidates =
        (0..count).map(|_| PORTS.start + (first + TAKEN.fetch_add(1, Ordering::Relaxed)) % count);
    let mut ports = candidates.map(|port| u16::try_from(port).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
