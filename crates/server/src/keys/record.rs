//! The record of rotations: events in the log of a service, from which audit takes its entries.

use anyhow::Context as _;
use denizen_db::Event;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use serde::Serialize;

use super::Desk;
use crate::parts;

/// Names and meanings of the events.
pub(crate) const EVENTS: &[(&str, &str)] = &[
    (MasterKeyAdded::TYPE, "An operator begins a rotation: another master key is to open the keyring."),
    (MasterKeyRetired::TYPE, "An operator ends a rotation: a master key is to open the keyring no more."),
];

/// Another master key is to open the keyring.
#[derive(Debug, Serialize)]
struct MasterKeyAdded {
    /// Name of the key.
    key: String,
    /// Name of the key under which the command ran.
    by_key: String,
}

impl Event for MasterKeyAdded {
    const TYPE: &'static str = "master_key.added";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// A master key is to open the keyring no more.
#[derive(Debug, Serialize)]
struct MasterKeyRetired {
    /// Name of the key.
    key: String,
    /// Name of the key under which the command ran.
    by_key: String,
}

impl Event for MasterKeyRetired {
    const TYPE: &'static str = "master_key.retired";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

/// Records that a key is about to be added.
pub(super) async fn added(desk: &Desk, key: &str) -> anyhow::Result<()> {
    tell(desk, || MasterKeyAdded { key: key.to_owned(), by_key: desk.keyring.slot.clone() }).await
}

/// Records that a key is about to be retired.
pub(super) async fn retired(desk: &Desk, key: &str) -> anyhow::Result<()> {
    tell(desk, || MasterKeyRetired { key: key.to_owned(), by_key: desk.keyring.slot.clone() }).await
}

/// Writes an event into the log of the first service of the settings. It comes before the change: a crash between them
/// leaves a record without a change, never a change without a record.
async fn tell<E: Event + Send>(desk: &Desk, event: impl Fn() -> E + Send + Sync) -> anyhow::Result<()> {
    let service = desk.config.roles.iter().find(|role| *role != Role::Gateway).unwrap_or(Role::Users);
    let db = parts::connect(&desk.config.db, &desk.root, service.as_str()).await?;
    let cx = Cx::job(Role::Operator, &desk.clock);
    let told = db.run(&cx, || async {
        let mut tx = db.write_relaxed("writes an event only").await?;
        tx.emit(&cx, event());
        tx.commit().await?;
        Ok(())
    });
    let told = told.await.context("the rotation could not be recorded; nothing was changed");
    db.close().await;
    told
}
