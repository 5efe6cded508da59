//! `denizen keys`: another master key while the system runs.
//!
//! The master key only wraps the root, so another one comes as a second slot of the keyring: from then on both open it,
//! and each process may start with either. When all have the new key, the old one's slot is taken away.

mod record;
mod rotate;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use denizen_kit::caller::Role;
use denizen_kit::config::{Entry, Source};
use denizen_kit::cx::Cx;
use denizen_kit::seal::{Master, Root};
use denizen_kit::time::Clock;

use crate::cli::say;
use crate::config::Config;
use crate::keyring::store::{self, Slot};
use crate::keyring::{self, Keyring, Opened};
use crate::references;

pub(crate) use record::EVENTS;

/// The master key.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Says which master keys open the keyring, which processes run under which, and what to do next.
    Status,
    /// Lets another master key open the keyring too, beside the running system: the one of `master_key_new`, or where the
    /// data folder holds the key, a new one.
    Rotate,
    /// Takes away all master keys but the one of these settings; what they have wrapped is gone from the files.
    Retire(Retire),
}

/// How keys are taken away.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// Also while processes run that were started with a key that goes. They go on, and cannot start with it again.
    #[arg(long)]
    force: bool,
}

/// Where the present master key is.
enum Held {
    /// In the settings, or where they refer to: whoever runs the system changes it.
    Outside,
    /// In a file of the data folder that Denizen made.
    File,
    /// Wrapped by this key of KMS in a file of the data folder.
    Kms(String),
}

/// All that the commands work on.
struct Desk {
    config: Config,
    clock: Clock,
    held: Held,
    root: Root,
    keyring: Keyring,
}

/// Runs a command on the master key.
pub(crate) async fn run(config: Config, entries: &[Entry], command: Keys) -> anyhow::Result<()> {
    let desk = Desk::open(config, entries).await?;
    let done = match command {
        Keys::Status => desk.status().await,
        Keys::Rotate => Box::pin(desk.rotate()).await,
        Keys::Retire(retire) => Box::pin(desk.retire(retire.force)).await,
    };
    desk.keyring.leave().await;
    done
}

// === impl Held ===

impl Held {
    fn of(config: &Config, entries: &[Entry]) -> Self {
        let source = entries.iter().find(|entry| entry.key == "master_key").map(|entry| &entry.source);
        match source {
            Some(Source::Elsewhere(reference)) if reference.starts_with(references::ARN) => {
                Self::Kms(reference.clone())
            }
            _ if config.master_key.is_none() => Self::File,
            _ => Self::Outside,
        }
    }
}

// === impl Desk ===

impl Desk {
    async fn open(config: Config, entries: &[Entry]) -> anyhow::Result<Self> {
        if config.roles.iter().all(|role| role == Role::Gateway) {
            bail!("a gateway has no keyring of its own; give the settings of a process that runs a service");
        }
        let clock = Clock::System;
        let Opened { root, keyring } = keyring::open(&config, &clock).await?;
        let keyring = keyring.context("these settings have no keyring")?;
        let held = Held::of(&config, entries);
        Ok(Self { config, clock, held, root, keyring })
    }

    async fn status(&self) -> anyhow::Result<()> {
        let shown = self.keyring.shown().await?;
        say(&format!("keyring: {}", keyring::place(&self.config)));
        say("master keys that open it:");
        for slot in &shown.slots {
            let note = if slot.name == self.keyring.slot { " (the key of these settings)" } else { "" };
            say(&format!("  {}, since {}{note}", slot.name, slot.made_at));
        }
        say("processes that run on this keyring (gateways without a database are not counted):");
        for process in self.keyring.processes(&self.clock).await? {
            say(&format!("  {}, started {} with {}", process.roles, process.started_at, process.slot));
        }
        if shown.is_first_master {
            say(FIRST_MASTER);
        }
        match shown.slots.len() {
            1 => say("no rotation is under way"),
            _ => say_next(),
        }
        Ok(())
    }

    async fn retire(&self, force: bool) -> anyhow::Result<()> {
        let others = self.others().await?;
        let running = self.keyring.processes(&self.clock).await?;
        let late: Vec<String> = running
            .iter()
            .filter(|process| process.slot != self.keyring.slot)
            .map(|process| {
                format!("{} (started {} with {})", process.roles, process.started_at, process.slot)
            })
            .collect();
        if !others.is_empty() && !late.is_empty() && !force {
            bail!(
                "these processes were started with a key that is to go: {}; restart them with the key {} first (one \
                 that was killed counts for a minute more), or say --force",
                late.join(", "),
                self.keyring.slot
            );
        }
        for slot in &others {
            record::retired(self, &slot.name).await?;
        }
        self.remove_others().await?;
        match others.as_slice() {
            [] => say(&format!(
                "only the key {} opens the keyring; nothing was to be retired",
                self.keyring.slot
            )),
            gone => {
                let names: Vec<&str> = gone.iter().map(|slot| slot.name.as_str()).collect();
                say(&format!("{} opens the keyring no more; {} does", names.join(", "), self.keyring.slot));
                say(
                    "backups of the keyring from before still open with it: destroy them, or keep the old key safe",
                );
            }
        }
        Ok(())
    }

    /// The slots of other keys than that of these settings.
    async fn others(&self) -> anyhow::Result<Vec<Slot>> {
        let slots = self.keyring.shown().await?.slots;
        Ok(slots.into_iter().filter(|slot| slot.name != self.keyring.slot).collect())
    }

    async fn add(&self, master: &Master) -> anyhow::Result<()> {
        let cx = Cx::job(Role::Operator, &self.clock);
        let slot = Slot { name: master.name(), wrapped: master.wrap(&self.root), made_at: cx.now() };
        let db = &self.keyring.db;
        let added = db.run(&cx, || async {
            let mut tx = db.write().await?;
            store::insert_slot(&mut tx, &slot).await?;
            tx.commit().await?;
            Ok(())
        });
        added.await.context("the new key could not be added")?;
        let slots = self.keyring.shown().await?.slots;
        let opens = slots
            .iter()
            .any(|slot| master.unwrap(&slot.wrapped).is_ok_and(|root| root.mark() == self.root.mark()));
        if opens {
            Ok(())
        } else {
            bail!("the new key does not open what it has wrapped; nothing was taken away")
        }
    }

    /// Takes the others' slots away, and what is left of them in the files of the database.
    async fn remove_others(&self) -> anyhow::Result<()> {
        self.remove_all_but(&self.keyring.slot).await
    }

    async fn remove_all_but(&self, name: &str) -> anyhow::Result<()> {
        let cx = Cx::job(Role::Operator, &self.clock);
        let db = &self.keyring.db;
        let removed = db.run(&cx, || async {
            let mut tx = db.write().await?;
            // Somebody who retires this key at the same moment must not leave a keyring that nothing opens.
            let stays = store::slots(&mut tx).await?.iter().any(|slot| slot.name == name);
            if stays {
                store::delete_other_slots(&mut tx, name).await?;
            }
            tx.commit().await?;
            Ok(stays)
        });
        if !removed.await.context("the keys could not be taken away")? {
            bail!("the key {name} was retired meanwhile by another command; nothing was taken away");
        }
        db.rewrite(store::SLOTS_TABLE).await.context(
            "the keys are taken away, but their remains could not be cleared from the database's files; run \
             `denizen keys retire` again",
        )
    }
}

/// What is to be done while more than one key opens the keyring.
fn say_next() {
    say("next: give every process the key that is to stay as master_key and restart one after another;");
    say("then run `denizen keys retire` with that key, once for each database that holds a keyring");
}

/// What is told of a root that is no secret of its own.
const FIRST_MASTER: &str = "this installation is from before roots were made: its root is its first master key. Who \
                            has that key and the databases opens them, also after it was retired";
