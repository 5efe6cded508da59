//! A process for each role, killed one by one: what needs the dead says so, the rest goes on, and all heals.

use std::collections::BTreeMap;
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_testkit::{Client, PASSWORD, eventually, token_in};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::process::{Engine, Launch, Process, run};

const EMAIL: &str = "ada@example.test";

/// How long a dead service may stay unnoticed: an answer that takes longer than this is no answer.
const NOTICED: Duration = Duration::from_secs(3);

/// How long reads are watched while auth is dead: longer than the gateway trusts its last word (1 s).
const WITHOUT_AUTH: Duration = Duration::from_secs(3);

/// A system of seven processes.
struct System {
    launches: BTreeMap<Role, Launch>,
    running: BTreeMap<Role, Process>,
    folder: TempDir,
}

// === impl System ===

impl System {
    async fn start(engine: &Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bare: BTreeMap<Role, Launch> =
            Role::ALL.into_iter().map(|role| (role, Launch::new(folder.path()))).collect();
        let public_url = bare[&Role::Gateway].base();
        let mut launches = BTreeMap::new();
        for (role, launch) in &bare {
            let launch =
                launch.clone().cheap().on(engine).set("mode", "development").set("public_url", &public_url);
            let mut launch = launch.set("roles", role.as_str());
            let others = bare.iter().filter(|(other, _)| **other != Role::Gateway && *other != role);
            for (other, place) in others {
                launch = launch.set(&format!("services.{other}.url"), &place.base());
            }
            launches.insert(*role, launch);
        }
        let mut system = Self { launches, running: BTreeMap::new(), folder };
        let begun: Vec<(Role, Process)> =
            system.launches.iter().map(|(role, launch)| (*role, launch.start(&[]))).collect();
        for (role, mut process) in begun {
            process.answers("/health/ready").await;
            system.running.insert(role, process);
        }
        system
    }

    fn client(&self) -> Client {
        self.running[&Role::Gateway].client()
    }

    fn kill(&mut self, role: Role) {
        self.running.remove(&role).unwrap().kill();
    }

    async fn restart(&mut self, role: Role) {
        let process = self.launches[&role].ready().await;
        self.running.insert(role, process);
    }

    /// An administrator, made beside the running system.
    async fn admin(&self, engine: &Engine) -> Client {
        let launch = Launch::new(self.folder.path()).cheap().on(engine);
        let create = launch.command(&["admin", "create", "--email", "root@example.test"]);
        run(create, PASSWORD).expect(0);
        self.client().login("root@example.test").await.0
    }
}

/// On each engine that there is.
#[expect(clippy::print_stdout, reason = "where it failed")]
async fn everywhere(story: impl AsyncFn(&Engine, &mut System)) {
    for engine in Engine::available().await {
        println!("--- {engine:?}");
        let mut system = System::start(&engine).await;
        story(&engine, &mut system).await;
    }
}

/// Registers, proves the address by the mailed link, and logs in.
async fn proved(client: &Client, email: &str) -> Client {
    client.register(email).await;
    let message = client.mail(email, 1).await;
    client.post("/email/verify/confirm", json!({ "token": token_in(&message) })).await.expect(200);
    let (person, _) = client.login(email).await;
    assert_eq!(person.get("/users/me").await.expect(200).body["email_verified"], true);
    person
}

/// Refused as unavailable, and soon.
async fn unavailable(client: &Client, method: Method, path: &str, body: Option<Value>) {
    let start = Instant::now();
    let answer = client.send(method, path, body, &[]).await.expect(503);
    assert_eq!(answer.code(), "unavailable");
    assert!(start.elapsed() < NOTICED, "{path} took {:?}", start.elapsed());
}

fn login() -> Value {
    json!({ "identifier": EMAIL, "password": PASSWORD })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_listens_may_die_unnoticed() {
    everywhere(async |engine, system| {
        let client = system.client();
        proved(&client, EMAIL).await;
        let listeners = [Role::Notify, Role::Otp, Role::Audit];
        for role in listeners {
            system.kill(role);
        }
        let bob = client.register("bob@example.test").await;
        client.login("bob@example.test").await.0.get("/users/me").await.expect(200);

        for role in listeners {
            system.restart(role).await;
        }
        let message = client.mail("bob@example.test", 1).await;
        client.post("/email/verify/confirm", json!({ "token": token_in(&message) })).await.expect(200);
        let admin = system.admin(engine).await;
        let trail = format!("/admin/audit?subject={}", bob["id"].as_str().unwrap());
        eventually("the record of what happened meanwhile", || async {
            let entries = admin.get(&trail).await.expect(200).body["items"].clone();
            let has =
                |action: &str| entries.as_array().unwrap().iter().any(|entry| entry["action"] == action);
            (has("user.created") && has("auth.login")).then_some(())
        })
        .await;
        assert_eq!(admin.get("/admin/audit/verify").await.expect(200).body["valid"], true);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_users_nobody_is_shown_and_it_heals() {
    everywhere(async |_, system| {
        let client = system.client();
        let ada = proved(&client, EMAIL).await;
        system.kill(Role::Users);
        unavailable(&ada, Method::GET, "/users/me", None).await;
        unavailable(&client, Method::POST, "/auth/login", Some(login())).await;

        system.restart(Role::Users).await;
        eventually("me is shown again", || async {
            (ada.get("/users/me").await.status == 200).then_some(())
        })
        .await;
        proved(&client, "bob@example.test").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_auth_tokens_still_read_and_it_heals() {
    everywhere(async |_, system| {
        let client = system.client();
        let ada = proved(&client, EMAIL).await;
        system.kill(Role::Auth);
        unavailable(&client, Method::POST, "/auth/login", Some(login())).await;
        let start = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while start.elapsed() < WITHOUT_AUTH {
            tick.tick().await;
            ada.get("/users/me").await.expect(200);
        }

        system.restart(Role::Auth).await;
        eventually("a login", || async {
            let answer = client.send(Method::POST, "/auth/login", Some(login()), &[]).await;
            (answer.status == 200).then_some(())
        })
        .await;
        ada.get("/users/me").await.expect(200);
        proved(&client, "bob@example.test").await;
    })
    .await;
}
