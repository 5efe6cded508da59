//! The keyring: the root of the installation, wrapped by the master key, in a database of its own.
//!
//! Where no keyring is yet, it depends on what else is there. Data from before keyrings was sealed under the master key
//! itself, so that is its root. A new installation gets a random one, made by the process that runs `users`, or by one
//! that knows of no other; the rest wait for it. A gateway without a database is given the slots by the services.

pub(crate) mod peers;
pub(crate) mod processes;
pub(crate) mod store;

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use denizen_db::{Db, Secrets, Standing};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Master, Root};
use denizen_kit::time::Clock;
use uuid::Uuid;

use crate::config::Config;
use crate::{master_key, parts};
use peers::{Peers, Shown, Told};
use store::Slot;

/// Name of the database.
const NAME: &str = "keyring";

/// Pause before a process without a keyring looks again.
const PAUSE: Duration = Duration::from_millis(100);

/// How many pauses pass before it says again that it waits.
const TELL_EVERY: u32 = 30;

/// The keyring as a process has opened it.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    pub(crate) db: Db,
    /// Name of the master key that opened it.
    pub(crate) slot: String,
    /// Under which id the process is noted as running.
    process: Option<Uuid>,
}

/// What a process starts with: the root, and the keyring that it has by itself.
pub(crate) struct Opened {
    pub(crate) root: Root,
    pub(crate) keyring: Option<Keyring>,
}

// === impl Keyring ===

impl Keyring {
    /// The slots and what is known of the root.
    pub(crate) async fn shown(&self) -> denizen_db::Result<Shown> {
        let mut tx = self.db.read().await?;
        let slots = store::slots(&mut tx).await?;
        let is_first_master = store::root(&mut tx).await?.is_some_and(|(is_first, _)| is_first);
        Ok(Shown { slots, is_first_master })
    }
}

/// Opens the keyring with the master key of the settings, making it if it is due.
pub(crate) async fn open(config: &Config, clock: &Clock) -> anyhow::Result<Opened> {
    let master = &master_key::load(config)?;
    let is_gateway_alone = config.roles.iter().all(|role| role == Role::Gateway);
    let peers = Peers::of(config)?;
    let opened = if is_gateway_alone && config.db.url.is_none() && !config.services.is_empty() {
        let root = given(&peers, config, master).await;
        root.map(|root| Opened { root, keyring: None })
    } else {
        own(&peers, config, master, clock).await
    };
    peers.close().await;
    opened
}

/// The root alone, for commands that need no more of the keyring.
pub(crate) async fn root(config: &Config) -> anyhow::Result<Root> {
    let Opened { root, keyring } = open(config, &Clock::System).await?;
    if let Some(keyring) = keyring {
        keyring.leave().await;
    }
    Ok(root)
}

/// The database of the keyring.
async fn connect(config: &Config) -> anyhow::Result<Db> {
    // Nothing here emits or keeps replies.
    let secrets = Secrets { events: Key::generate(), replies: Key::generate() };
    let config = denizen_db::Config { pool: 1, ..config.db.clone() };
    Db::connect(&config, NAME, &secrets, store::MIGRATIONS).await.context("the database of the keyring")
}

async fn own(peers: &Peers, config: &Config, master: &Master, clock: &Clock) -> anyhow::Result<Opened> {
    let db = connect(config).await?;
    let mut rounds = 0;
    loop {
        let slots = slots_of(&db).await?;
        if !slots.is_empty() {
            let root = unwrap(&slots, config, master)?;
            let keyring = Keyring { db, slot: master.name(), process: None };
            return Ok(Opened { root, keyring: Some(keyring) });
        }
        match due(&db, peers, config, master).await? {
            Some((root, is_first_master)) => make(&db, master, &root, is_first_master, clock).await?,
            None => pause(&mut rounds).await,
        }
    }
}

async fn slots_of(db: &Db) -> denizen_db::Result<Vec<Slot>> {
    store::slots(&mut db.single().await?).await
}

/// The root that this process is to put into an empty keyring, and whether it is the first master key; none while
/// another one is to say.
async fn due(
    db: &Db,
    peers: &Peers,
    config: &Config,
    master: &Master,
) -> anyhow::Result<Option<(Root, bool)>> {
    for (name, _) in parts::databases() {
        match denizen_db::standing(&config.db, name).await? {
            Standing::Absent => {}
            Standing::Unmarked => return Ok(Some((master.as_root(), true))),
            // Another process may have made both since this one looked.
            Standing::Marked(_) if !slots_of(db).await?.is_empty() => return Ok(None),
            Standing::Marked(_) => bail!(
                "the database {name} is here, but the keyring that opens it is not; put the database {NAME} back \
                 from the same backup ({})",
                place(config)
            ),
        }
    }
    if config.roles.has(Role::Users) || !config.services.contains_key(&Role::Users) {
        return Ok(Some((Root::generate(), false)));
    }
    match peers.ask().await {
        Told::Slots(shown) => Ok(Some((unwrap(&shown.slots, config, master)?, shown.is_first_master))),
        Told::Older => Ok(Some((master.as_root(), true))),
        Told::Nothing => Ok(None),
    }
}

/// Puts a root into the keyring, unless another process was first.
async fn make(
    db: &Db,
    master: &Master,
    root: &Root,
    is_first_master: bool,
    clock: &Clock,
) -> anyhow::Result<()> {
    let cx = Cx::job(Role::Operator, clock);
    let slot = Slot { name: master.name(), wrapped: master.wrap(root), made_at: cx.now() };
    let made = db.run(&cx, || async {
        let mut tx = db.write().await?;
        if store::insert_root(&mut tx, root.mark(), is_first_master, cx.now()).await? {
            store::insert_slot(&mut tx, &slot).await?;
        }
        tx.commit().await?;
        Ok(())
    });
    made.await.map_err(|problem: Problem| anyhow!("the keyring could not be made: {problem}"))
}

/// The root as the services give it.
async fn given(peers: &Peers, config: &Config, master: &Master) -> anyhow::Result<Root> {
    let mut rounds = 0;
    loop {
        match peers.ask().await {
            Told::Slots(shown) => return unwrap(&shown.slots, config, master),
            Told::Older => return Ok(master.as_root()),
            Told::Nothing => pause(&mut rounds).await,
        }
    }
}

async fn pause(rounds: &mut u32) {
    *rounds += 1;
    if rounds.is_multiple_of(TELL_EVERY) {
        tracing::warn!("waiting for the keyring: none of the services under services.* answers with it yet");
    }
    tokio::time::sleep(PAUSE).await;
}

/// The root, if the master key opens one of the slots.
fn unwrap(slots: &[Slot], config: &Config, master: &Master) -> anyhow::Result<Root> {
    if let Some(root) = slots.iter().find_map(|slot| master.unwrap(&slot.wrapped).ok()) {
        return Ok(root);
    }
    let mut names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let source = match config.master_key {
        Some(_) => "master_key (DENIZEN_MASTER_KEY, or a file by DENIZEN_MASTER_KEY_FILE)".to_owned(),
        None => format!("the file {}", config.db.data_dir.join("master.key").display()),
    };
    bail!(
        "the master key {} of {source} opens nothing here; the keyring ({}) opens with {}. After a rotation give every \
         process the new key; after a restore give the key of that time",
        master.name(),
        place(config),
        names.join(" or ")
    )
}

/// Where the keyring is, in words.
pub(crate) fn place(config: &Config) -> String {
    match config.db.url {
        Some(_) => format!("the schema {NAME} of database_url"),
        None => config.db.data_dir.join(format!("{NAME}.db")).display().to_string(),
    }
}
