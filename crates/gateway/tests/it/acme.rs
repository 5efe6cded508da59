//! Certificates by ACME, from Pebble: the test server of Let's Encrypt.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use denizen_db::{Db, Secrets, args};
use denizen_gateway::{Acme, App, MIGRATIONS, Sockets};
use denizen_kit::config::Settings;
use denizen_kit::seal::Key;
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::GeneralName;

use crate::certificates::Authority;
use crate::hall::{run, serve, until};
use crate::setting::{app_of_now, config};

const DAY: u64 = 24 * 60 * 60;

/// Where Pebble is, if it is here.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their servers are")]
fn pebble_folder() -> Option<PathBuf> {
    std::env::var("DENIZEN_TEST_PEBBLE").ok().map(PathBuf::from)
}

/// The address of a throw-away PostgreSQL, if there is one.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their servers are")]
fn postgres() -> Option<String> {
    std::env::var("DENIZEN_TEST_DATABASE_URL").ok()
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An ACME server, and a name server that says 127.0.0.1 to everything.
struct Pebble {
    programs: PathBuf,
    folder: PathBuf,
    ports: [u16; 3],
    authority: Authority,
    names: Child,
}

// === impl Pebble ===

impl Pebble {
    fn new(programs: PathBuf, folder: &Path, (plain, tls): (u16, u16)) -> Self {
        let authority = Authority::new(folder, "pebble-authority");
        let (cert, key) = authority.issue("pebble", "pebble", &["localhost", "127.0.0.1"]);
        let ports = [free_port(), free_port(), free_port()];
        let settings = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{}", ports[0]),
            "managementListenAddress": format!("127.0.0.1:{}", ports[1]),
            "certificate": cert, "privateKey": key, "httpPort": plain, "tlsPort": tls,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        std::fs::write(folder.join("pebble.json"), settings.to_string()).unwrap();
        let names = Command::new(programs.join("pebble-challtestsrv"))
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1"])
            .args(["-defaultIPv6", "", "-management", &format!("127.0.0.1:{}", free_port())])
            .args(["-dns01", &format!("127.0.0.1:{}", ports[2])])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { programs, folder: folder.to_owned(), ports, authority, names }
    }

    /// Starts the server; it refuses every tenth nonce, as real ones may.
    async fn start(&self) -> Child {
        let child = Command::new(self.programs.join("pebble"))
            .args(["-strict", "-config"])
            .arg(self.folder.join("pebble.json"))
            .args(["-dnsserver", &format!("127.0.0.1:{}", self.ports[2])])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "10")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let directory = self.directory();
        let arguments = ["-sS", "--cacert", &self.authority.file, &directory];
        let ask = || run("curl", &arguments);
        until(ask, |(ok, _)| *ok).await;
        child
    }

    fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.ports[0])
    }
}

/// One of several gateways that share a database.
struct Replica {
    app: Arc<App>,
    tls: SocketAddr,
    tasks: Tasks,
}

fn replica(
    pebble: &Pebble,
    db: Db,
    clock: &Clock,
    (more, plain, tls): (&str, TcpListener, TcpListener),
) -> Replica {
    let toml = format!(
        "[gateway.tls]\nlisten = \"{}\"\n[gateway.acme]\ndirectory = \"{}\"\nca = {:?}\nemail = \"ops@example.com\"\n{more}",
        tls.local_addr().unwrap(),
        pebble.directory(),
        pebble.authority.file,
    );
    let config = config(&toml);
    let acme = config.sockets.acme.as_ref().unwrap();
    let acme = Acme::open(acme, db, Key::from_bytes([3; 32]), clock.clone()).unwrap();
    let (app, tasks) = (app_of_now(config, Some(acme), clock), Tasks::new());
    let at = tls.local_addr().unwrap();
    serve(&app, Sockets { plain, tls: Some(tls) }, &tasks);
    Replica { app, tls: at, tasks }
}

/// The certificate that is shown for a name, when it is by the server and for that name; else nothing.
async fn shown(at: SocketAddr, name: &str) -> String {
    let at = at.to_string();
    let (_, text) = run("openssl", &["s_client", "-connect", &at, "-servername", name, "-showcerts"]).await;
    let leaf = text.split_inclusive("-----END CERTIFICATE-----").next().unwrap_or_default();
    let Ok((_, pem)) = parse_x509_pem(leaf.as_bytes()) else { return String::new() };
    let leaf_of_name = pem.parse_x509().ok().filter(|certificate| {
        let names = certificate.subject_alternative_name().ok().flatten();
        let is_for_it =
            names.is_some_and(|names| names.value.general_names.contains(&GeneralName::DNSName(name)));
        is_for_it && certificate.issuer().to_string().contains("Pebble Intermediate")
    });
    leaf_of_name.map_or_else(String::new, |_| leaf.to_owned())
}

async fn socket() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn secrets() -> Secrets {
    Secrets { events: Key::from_bytes([1; 32]), replies: Key::from_bytes([2; 32]) }
}

fn database() -> denizen_db::Config {
    denizen_db::Config::read(&mut Settings::load("", []))
}

async fn sqlite(folder: &Path) -> Db {
    let config = denizen_db::Config { data_dir: folder.to_owned(), ..database() };
    Db::connect(&config, "gateway", &secrets(), MIGRATIONS).await.unwrap()
}

async fn failures(db: &Db) -> i64 {
    let mut tx = db.single().await.unwrap();
    let found: Option<(i64,)> = tx.opt("SELECT failures FROM acme_failures", args![]).await.unwrap();
    found.map_or(0, |(failures,)| failures)
}

/// One node orders and another answers the server's look; both show what came. Returns them with what the name shows.
async fn obtain(
    challenge: &str,
    dbs: [Db; 2],
    clock: &Clock,
    folder: &Path,
) -> Option<(Pebble, Child, [Replica; 2])> {
    let programs = pebble_folder()?;
    let (plain, tls) = (socket().await, socket().await);
    let ports = (plain.local_addr().unwrap().port(), tls.local_addr().unwrap().port());
    let pebble = Pebble::new(programs, folder, ports);
    let server = pebble.start().await;
    let more = format!("domains = [\"one.example.com\", \"two.example.com\"]\nchallenge = \"{challenge}\"");
    let [first, second] = dbs;
    let seen = replica(&pebble, first, clock, (&more, plain, tls));
    let unseen = replica(&pebble, second, clock, (&more, socket().await, socket().await));
    // The one that the server does not reach is the one that orders.
    denizen_gateway::start_jobs(&unseen.app, &unseen.tasks);
    for name in ["one.example.com", "two.example.com"] {
        until(|| shown(unseen.tls, name), |leaf| !leaf.is_empty()).await;
        assert_eq!(shown(seen.tls, name).await, "", "it does not look yet");
    }
    denizen_gateway::start_jobs(&seen.app, &seen.tasks);
    for name in ["one.example.com", "two.example.com"] {
        let leaf = shown(unseen.tls, name).await;
        until(|| shown(seen.tls, name), |same| *same == leaf).await;
    }
    Some((pebble, server, [seen, unseen]))
}

#[tokio::test]
async fn one_node_orders_any_answers_and_a_lost_server_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Clock::System.now());
    let db = sqlite(folder.path()).await;
    let dbs = [db.clone(), db.clone()];
    let Some((pebble, mut server, replicas)) = obtain("http-01", dbs, &clock, folder.path()).await else {
        return;
    };
    let before = shown(replicas[0].tls, "one.example.com").await;

    // Time to renew, but there is nobody to ask.
    server.kill().await.unwrap();
    clock.advance(std::time::Duration::from_secs(4 * 365 * DAY));
    until(|| failures(&db), |failures| *failures >= 1).await;
    assert_eq!(shown(replicas[0].tls, "one.example.com").await, before, "the old one stays in force");

    // It comes back without its memory: the account is made anew, with the pauses that failures cost.
    let _server = pebble.start().await;
    let renewed = || async {
        clock.advance(std::time::Duration::from_secs(60));
        shown(replicas[0].tls, "one.example.com").await
    };
    until(renewed, |leaf| !leaf.is_empty() && *leaf != before).await;
    let key: (Vec<u8>,) = db
        .single()
        .await
        .unwrap()
        .one("SELECT key FROM acme_certificates WHERE name = 'one.example.com'", args![])
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&key.0).contains("PRIVATE KEY"), "keys are sealed");
    for replica in replicas {
        replica.tasks.stop().await;
    }
    drop(pebble.names);
}

#[tokio::test]
async fn a_name_is_proved_in_a_handshake_over_postgres_too() {
    let (Some(url), Some(_)) = (postgres(), pebble_folder()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Clock::System.now());
    let mut random = [0; 8];
    denizen_kit::seal::random(&mut random);
    let name: &'static str = format!("gateway_{}", hex::encode(random)).leak();
    let config = denizen_db::Config { url: Some(url), ..database() };
    let secrets = secrets();
    let connect = || Db::connect(&config, name, &secrets, MIGRATIONS);
    let dbs = [connect().await.unwrap(), connect().await.unwrap()];
    let Some((pebble, _server, replicas)) = obtain("tls-alpn-01", dbs.clone(), &clock, folder.path()).await
    else {
        return;
    };
    let counted: (i64,) =
        dbs[0].single().await.unwrap().one("SELECT COUNT(*) FROM acme_proofs", args![]).await.unwrap();
    assert_eq!(counted.0, 0, "proofs go when they have been used");
    for replica in replicas {
        replica.tasks.stop().await;
    }
    drop(pebble.names);
}
