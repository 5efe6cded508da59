//! Systems of processes in the forms in which they are run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use denizen_db::{Config, Db, Migration, Secrets, args};
use denizen_kit::caller::Role;
use denizen_kit::seal::Key;
use denizen_testkit::{Client, PASSWORD, eventually};
use tempfile::TempDir;

use crate::process::{Engine, Launch, Process, run};

/// Master keys of 32 bytes in base64.
pub(super) const OLD: &str = "b2xkIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVzISE=";
pub(super) const NEW: &str = "bmV3IGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVzISE=";

/// Who logs in, and who may look at the trail.
pub(super) const EMAIL: &str = "ada@example.test";
pub(super) const ADMIN: &str = "root@example.test";

/// How a system is laid out.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// One process.
    One(Engine),
    /// A process for each role on one database or in one folder.
    Split(Engine),
    /// A process for each role, each with a folder of its own, as on different machines.
    Apart,
}

/// Runs a story in each form.
#[expect(clippy::print_stdout, reason = "where it failed")]
pub(super) async fn each_form(story: impl AsyncFn(Form)) {
    let mut forms = vec![Form::Apart];
    forms.extend(Engine::available().await.into_iter().map(Form::One));
    forms.extend(Engine::available().await.into_iter().map(Form::Split));
    for form in forms {
        println!("--- {form:?}");
        story(form).await;
    }
}

/// A system with an administrator, under the old key.
pub(super) struct System {
    form: Form,
    launches: BTreeMap<Role, Launch>,
    running: BTreeMap<Role, Process>,
    folder: TempDir,
}

// === impl System ===

impl System {
    pub(super) async fn start(form: &Form) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launches = match form {
            Form::One(engine) => {
                BTreeMap::from([(Role::Gateway, set_up(Launch::new(folder.path()), engine))])
            }
            Form::Split(engine) => split(folder.path(), engine),
            Form::Apart => split(folder.path(), &Engine::Sqlite)
                .into_iter()
                .map(|(role, launch)| {
                    let own = folder.path().join(role.as_str());
                    (role, launch.set("data_dir", &own.to_string_lossy()))
                })
                .collect(),
        };
        let mut system = Self { form: form.clone(), launches, running: BTreeMap::new(), folder };
        system.start_missing().await;
        let client = system.client();
        let body = serde_json::json!({ "identifier": ADMIN, "password": PASSWORD });
        eventually("the administrator", || async {
            (client.post("/auth/login", body.clone()).await.status == 200).then_some(())
        })
        .await;
        system
    }

    /// Starts all that do not run, all at once.
    async fn start_missing(&mut self) {
        let missing = self.launches.iter().filter(|(role, _)| !self.running.contains_key(role));
        let begun: Vec<(Role, Process)> = missing.map(|(role, launch)| (*role, launch.start(&[]))).collect();
        for (role, mut process) in begun {
            process.answers("/health/ready").await;
            self.running.insert(role, process);
        }
    }

    pub(super) fn client(&self) -> Client {
        self.running[&Role::Gateway].client()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn parts(&self) -> Vec<Role> {
        self.launches.keys().copied().collect()
    }

    /// The settings of one process for each keyring that there is.
    pub(super) fn keyrings(&self) -> Vec<Launch> {
        let launches: Vec<&Launch> = match self.form {
            Form::One(_) => vec![&self.launches[&Role::Gateway]],
            Form::Split(_) => vec![&self.launches[&Role::Users]],
            Form::Apart => {
                self.launches.iter().filter(|(role, _)| **role != Role::Gateway).map(|(_, l)| l).collect()
            }
        };
        launches.into_iter().map(|launch| launch.clone().set("master_key", OLD)).collect()
    }

    /// The slots of all keyrings.
    pub(super) async fn slots(&self) -> Vec<Vec<u8>> {
        let services = Role::ALL.into_iter().filter(|role| *role != Role::Gateway);
        match &self.form {
            Form::One(engine) | Form::Split(engine) => {
                slots_of(engine, &self.folder().join("denizen-data")).await
            }
            Form::Apart => {
                let mut all = Vec::new();
                for role in services {
                    all.extend(slots_of(&Engine::Sqlite, &self.folder().join(role.as_str())).await);
                }
                all
            }
        }
    }

    /// Starts one process anew under another key.
    pub(super) async fn restart(&mut self, role: Role, key: &str) {
        assert_eq!(self.running.remove(&role).unwrap().terminate().code(), Some(0));
        let launch = self.launches.remove(&role).unwrap().set("master_key", key);
        self.launches.insert(role, launch);
        self.start_missing().await;
    }

    /// Stops all, and starts all under this key; what each says that does not start.
    pub(super) async fn start_all_with(&mut self, key: &str) -> Vec<(Role, String)> {
        let mut said = Vec::new();
        for role in self.parts() {
            // A gateway by itself asks the services: one of them is there to answer.
            self.running.remove(&role).unwrap().terminate();
            let launch = self.launches[&role].clone().set("master_key", key);
            let finished = tokio::task::spawn_blocking(move || run(launch.command(&["serve"]), "").expect(1))
                .await
                .unwrap();
            said.push((role, finished.err));
            self.start_missing().await;
        }
        said
    }

    /// Stops all at once and starts them again under this key.
    pub(super) async fn restart_all(&mut self, key: &str) {
        self.running.clear();
        let launches = std::mem::take(&mut self.launches).into_iter();
        self.launches = launches.map(|(role, launch)| (role, launch.set("master_key", key))).collect();
        self.start_missing().await;
    }

    pub(super) fn stop(self) {
        drop(self.running);
    }
}

fn set_up(launch: Launch, engine: &Engine) -> Launch {
    launch
        .cheap()
        .on(engine)
        .set("mode", "development")
        .set("master_key", OLD)
        .set("admin.email", ADMIN)
        .set("admin.password", PASSWORD)
}

fn split(folder: &Path, engine: &Engine) -> BTreeMap<Role, Launch> {
    let bare: BTreeMap<Role, Launch> =
        Role::ALL.into_iter().map(|role| (role, Launch::new(folder))).collect();
    let public_url = bare[&Role::Gateway].base();
    let mut launches = BTreeMap::new();
    for (role, launch) in &bare {
        let mut launch =
            set_up(launch.clone(), engine).set("public_url", &public_url).set("roles", role.as_str());
        let others = bare.iter().filter(|(other, _)| **other != Role::Gateway && *other != role);
        for (other, place) in others {
            launch = launch.set(&format!("services.{other}.url"), &place.base());
        }
        launches.insert(*role, launch);
    }
    launches
}

/// The keyring's database as a stranger would open it; its tables are there.
pub(super) async fn keyring(engine: &Engine, data_dir: &Path) -> Db {
    const STEPS: &[Migration] =
        &[Migration { name: "0001_keyring", sql: include_str!("../../../migrations/0001_keyring.sql") }];
    open(engine, data_dir, "keyring", STEPS).await
}

/// A database behind the system's back.
pub(super) async fn open(engine: &Engine, data_dir: &Path, name: &'static str, steps: &[Migration]) -> Db {
    let url = match engine {
        Engine::Sqlite => None,
        Engine::Postgres { database, .. } => Some(database.clone()),
    };
    let config = Config { url, data_dir: data_dir.to_owned(), fast: true, bulk: false, pool: 1 };
    let secrets = Secrets { events: Key::generate(), replies: Key::generate() };
    Db::connect(&config, name, &secrets, steps).await.unwrap()
}

/// The slots of a keyring.
pub(super) async fn slots_of(engine: &Engine, data_dir: &Path) -> Vec<Vec<u8>> {
    let db = keyring(engine, data_dir).await;
    let slots: Vec<(Vec<u8>,)> =
        db.single().await.unwrap().all("SELECT wrapped FROM slots", args![]).await.unwrap();
    db.close().await;
    slots.into_iter().map(|(wrapped,)| wrapped).collect()
}

/// The part of a slot that is its own: after the form and the nonce.
pub(super) fn wrapped(slot: &[u8]) -> Vec<u8> {
    slot[13..].to_vec()
}

/// Files below a folder that hold bytes.
pub(super) fn holders(folder: &Path, wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut paths: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if std::fs::read(&path)
            .unwrap_or_default()
            .windows(wanted.len())
            .any(|window| window == wanted)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// The master key that the data folder holds.
pub(super) fn key_in(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("denizen-data/master.key")).unwrap()
}
