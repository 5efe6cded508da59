//! Lists what was caught instead of sent, newest first. In development only; for the gateway, which asks who looks.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::seal::Key;
use denizen_rpc::place;

use crate::App;
use crate::error::{Error, Result};
use crate::model::{Letter, mailbox_key, nobody};
use crate::store::{self, Caught};

/// What is to be listed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Only to this address; empty for all.
    pub to: String,
    /// How many at most.
    pub limit: i64,
}

/// Lists caught messages with their letters. Those of erased people do not open and are left out.
pub async fn list_messages(app: &App, cx: &Cx, wanted: &Wanted) -> Result<Vec<(Caught, Letter)>> {
    cx.require_service(&[Role::Gateway])?;
    if !app.config.mailbox {
        return Err(Error::MailboxClosed);
    }
    let index = || app.keys.index.blind_index("mailbox/to", &mailbox_key(&wanted.to));
    let to_index = (!wanted.to.trim().is_empty()).then(index);
    let rows = store::newest(&mut app.db.single().await?, wanted.limit, to_index).await?;
    let owners: Vec<_> = rows.iter().map(|row| row.user_id).filter(|owner| *owner != nobody()).collect();
    let mut keys = app.keys.ring.get_many(cx, &owners).await?;
    keys.insert(nobody(), app.keys.strangers.clone());
    let opened = rows.into_iter().filter_map(|row| {
        let letter = keys.get(&row.user_id).and_then(|key| open(key, &row))?;
        Some((row, letter))
    });
    Ok(opened.collect())
}

/// The letter of a caught message; none when it does not open.
pub(super) fn open(key: &Key, row: &Caught) -> Option<Letter> {
    let content = key.open(&place(row.user_id, "notify/mailbox"), &row.content).ok()?;
    serde_json::from_slice(&content).ok()
}
