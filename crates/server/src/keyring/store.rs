//! The SQL of the keyring.

use denizen_db::{FromRow, Migration, Result, Row, Tx, args};
use denizen_kit::time::Timestamp;
use uuid::Uuid;

/// Steps of the schema.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_keyring", sql: include_str!("../../migrations/0001_keyring.sql") }];

/// The table that holds what a master key opens.
pub(crate) const SLOTS_TABLE: &str = "slots";

const SLOTS: &str = "SELECT name, wrapped, made_at FROM slots ORDER BY made_at, name";
const INSERT_SLOT: &str =
    "INSERT INTO slots (name, wrapped, made_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
const DELETE_OTHERS: &str = "DELETE FROM slots WHERE name <> $1";
const ROOT: &str = "SELECT is_first_master, made_at FROM root WHERE id = 1";
const INSERT_ROOT: &str = "INSERT INTO root (id, mark, is_first_master, made_at) VALUES (1, $1, $2, $3) \
    ON CONFLICT (id) DO NOTHING";
const SEE: &str = "INSERT INTO processes (id, roles, slot, started_at, seen_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
const DELETE_UNSEEN: &str = "DELETE FROM processes WHERE seen_at < $1";
const DELETE_PROCESS: &str = "DELETE FROM processes WHERE id = $1";
const PROCESSES: &str =
    "SELECT id, roles, slot, started_at FROM processes WHERE seen_at >= $1 ORDER BY started_at, id";

/// The root, wrapped by one master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Name of the master key.
    pub(crate) name: String,
    pub(crate) wrapped: Vec<u8>,
    pub(crate) made_at: Timestamp,
}

impl FromRow for Slot {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { name: row.get(0)?, wrapped: row.get(1)?, made_at: row.get(2)? })
    }
}

/// A process that runs.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: Uuid,
    pub(crate) roles: String,
    /// Name of the master key under which it started.
    pub(crate) slot: String,
    pub(crate) started_at: Timestamp,
}

impl FromRow for Process {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { id: row.get(0)?, roles: row.get(1)?, slot: row.get(2)?, started_at: row.get(3)? })
    }
}

/// All slots, oldest first.
pub(crate) async fn slots(tx: &mut Tx) -> Result<Vec<Slot>> {
    tx.all(SLOTS, args![]).await
}

/// Adds a slot unless there is one of its name.
pub(crate) async fn insert_slot(tx: &mut Tx, slot: &Slot) -> Result<()> {
    tx.exec(INSERT_SLOT, args![slot.name.clone(), slot.wrapped.clone(), slot.made_at]).await.map(drop)
}

/// Deletes all slots but one.
pub(crate) async fn delete_other_slots(tx: &mut Tx, kept: &str) -> Result<u64> {
    tx.exec(DELETE_OTHERS, args![kept.to_owned()]).await
}

/// Whether the root is the first master key itself, and when it was made.
pub(crate) async fn root(tx: &mut Tx) -> Result<Option<(bool, Timestamp)>> {
    tx.opt(ROOT, args![]).await
}

/// Notes the root; whether there was none.
pub(crate) async fn insert_root(
    tx: &mut Tx,
    mark: Vec<u8>,
    is_first_master: bool,
    now: Timestamp,
) -> Result<bool> {
    Ok(tx.exec(INSERT_ROOT, args![mark, is_first_master, now]).await? == 1)
}

/// Notes that a process runs.
pub(crate) async fn see(tx: &mut Tx, process: &Process, now: Timestamp) -> Result<()> {
    let Process { id, roles, slot, started_at } = process.clone();
    tx.exec(SEE, args![id, roles, slot, started_at, now]).await.map(drop)
}

/// Forgets processes that were not seen since a time.
pub(crate) async fn delete_unseen(tx: &mut Tx, since: Timestamp) -> Result<()> {
    tx.exec(DELETE_UNSEEN, args![since]).await.map(drop)
}

/// Forgets a process that ends.
pub(crate) async fn delete_process(tx: &mut Tx, id: Uuid) -> Result<()> {
    tx.exec(DELETE_PROCESS, args![id]).await.map(drop)
}

/// The processes that were seen since a time.
pub(crate) async fn processes(tx: &mut Tx, since: Timestamp) -> Result<Vec<Process>> {
    tx.all(PROCESSES, args![since]).await
}
