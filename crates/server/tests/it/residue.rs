//! What whoever gets hold of the files of a running system finds of a person: databases and their write-ahead logs, the
//! dump of the cache, queues, and logs at their most talkative.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use denizen_testkit::residue::{holders, holders_since, postgres_folders};
use denizen_testkit::{Client, PASSWORD, code_in, eventually, fresh_database, servers};
use reqwest::Method;
use serde_json::json;

use crate::process::{Engine, Launch, free_port, run};

/// Names are plain until the erasure: they show that the search finds what is there.
const NAME: &str = "Augusta Residuename";
const EMAIL: &str = "Ada.Residue@Example.test";
const NEW_EMAIL: &str = "countess.residue@example.test";
const NEVER: &str = "nobody.residue@example.test";
const IMPORTED: &str = "imported.residue@example.test";
const MOBILE: &str = "+4915112349876";

/// A cache server of the test's own, whose dump lies in the test's folder.
struct CacheServer {
    child: Child,
    port: u16,
}

// === impl CacheServer ===

impl CacheServer {
    fn start(folder: &Path) -> Self {
        let port = free_port();
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.args(["--bind", "127.0.0.1", "--save", "", "--rdbcompression", "no", "--port"]);
            command.arg(port.to_string()).arg("--dir").arg(folder);
            command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()
        };
        let child =
            start("valkey-server").or_else(|_| start("redis-server")).expect("Valkey or Redis is installed");
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends a command and returns the first bytes of the answer; none while nobody listens.
    fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    }
}

impl Drop for CacheServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All that brings an address into the system, and all that may speak of it.
async fn live(client: &Client, admin: &Client) -> Client {
    let account = json!({ "name": NAME, "email": EMAIL, "mobile": MOBILE, "password": PASSWORD });
    let once = [("idempotency-key", "register-residue")];
    client.send(Method::POST, "/users", Some(account.clone()), &once).await.expect(201);
    client.post("/users", account).await.expect(409);
    client.mail(EMAIL, 1).await;
    let login = |email: &str, password: &str| json!({ "identifier": email, "password": password });
    client.post("/auth/login", login(EMAIL, "wrong horse battery staple")).await.expect(401);
    client.post("/auth/login", login(NEVER, "wrong horse battery staple")).await.expect(401);
    client.post("/auth/login", login(MOBILE, PASSWORD)).await.expect(200);
    client.post("/password/forgot", json!({ "email": EMAIL })).await.expect(202);
    client.post("/password/forgot", json!({ "email": NEVER, "via": "otp" })).await.expect(202);
    client.post("/users", json!({ "name": "", "email": NEVER, "password": "x" })).await.expect(422);
    client.mail(EMAIL, 2).await;
    let (ada, _) = client.login(EMAIL).await;
    ada.put("/users/me/email", json!({ "email": NEW_EMAIL, "password": PASSWORD })).await.expect(202);
    let code = code_in(&client.mail(NEW_EMAIL, 1).await);
    ada.post("/users/me/email/confirm", json!({ "code": code })).await.expect(200);
    admin.get(&format!("/users?email={NEW_EMAIL}")).await.expect(200);
    admin.get(&format!("/users?email={NEVER}")).await.expect(200);
    let row = json!({ "name": "Imported", "email": IMPORTED }).to_string();
    admin
        .upload(Method::POST, "/admin/import?import_id=residue", "application/x-ndjson", row)
        .await
        .expect(200);
    ada
}

/// Waits until the audit trail has taken in what happened.
async fn settled(admin: &Client) {
    eventually("the change of address in the trail", || async {
        let page = admin.get("/admin/audit?action=user.email_changed").await.expect(200);
        page.body["items"].as_array().is_some_and(|items| !items.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_running_system_hold_no_address() {
    for on_postgres in [false, true] {
        if on_postgres && servers().is_none() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let began = folder.path().metadata().unwrap().modified().unwrap();
        let cache = CacheServer::start(folder.path());
        eventually("the cache server", || async {
            cache.ask("PING").filter(|answer| answer.contains("PONG"))
        })
        .await;
        let database = if on_postgres { Some(fresh_database().await.unwrap()) } else { None };
        let launch = Launch::new(folder.path()).cheap().set("log", "debug").set("gateway.access_log", "true");
        let launch = match &database {
            Some(database) => launch.on(&Engine::Postgres { database: database.clone(), cache: cache.url() }),
            None => launch.set("cache_url", &cache.url()),
        };
        let process = launch.ready().await;
        let create = launch.command(&["admin", "create", "--email", "root@example.test"]);
        run(create, PASSWORD).expect(0);
        let client = process.client();
        let (admin, _) = client.login("root@example.test").await;
        let ada = live(&client, &admin).await;
        settled(&admin).await;
        let searched = async |what: &str| {
            assert!(cache.ask("SAVE").unwrap_or_default().starts_with("+OK"), "the cache is dumped");
            assert!(folder.path().join("dump.rdb").exists());
            let mut found = holders(folder.path(), what);
            if let Some(database) = &database {
                for place in postgres_folders(database).await {
                    found.extend(holders_since(&place, what, began));
                }
            }
            found
        };
        let plain = searched(&NAME.to_lowercase()).await;
        let places: &[&str] = if on_postgres { &["/base/", "/pg_wal/"] } else { &["/users.db"] };
        for place in places {
            assert!(plain.iter().any(|holder| holder.contains(place)), "the search reads {place}: {plain:?}");
        }
        for sealed in [&EMAIL.to_lowercase(), NEW_EMAIL, NEVER, IMPORTED, MOBILE] {
            assert_eq!(searched(sealed).await, Vec::<String>::new(), "{sealed}");
        }
        ada.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200);
        for gone in [&EMAIL.to_lowercase(), NEW_EMAIL, MOBILE] {
            assert_eq!(searched(gone).await, Vec::<String>::new(), "after the erasure: {gone}");
        }
        process.kill();
    }
}
