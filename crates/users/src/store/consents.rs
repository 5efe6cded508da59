//! The SQL of consents and of restrictions.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use uuid::Uuid;

use crate::error::Result;
use crate::model::consent::{Consent, Wish};

const CONSENTS: &str =
    "SELECT purpose, granted, version, at FROM consents WHERE user_id = $1 ORDER BY purpose LIMIT 100";
const SET: &str = "INSERT INTO consents (user_id, purpose, granted, version, at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (user_id, purpose) DO UPDATE SET granted = excluded.granted, version = excluded.version, \
    at = excluded.at";
const INSERT_CHANGE: &str = "INSERT INTO consent_changes (id, user_id, purpose, granted, version, at, changed_by) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const CHANGES: &str = "SELECT id, purpose, granted, version, at, changed_by FROM consent_changes \
    WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

const LIVE: &str = "SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL";
const RESTRICTION: &str =
    "SELECT restricted_at, restricted_by FROM users WHERE id = $1 AND deleted_at IS NULL";
const RESTRICT: &str = "UPDATE users SET restricted_at = $2, restricted_by = $3 WHERE id = $1";

/// A change of a consent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) id: Uuid,
    pub(crate) consent: Consent,
    /// A user id, or `service:<name>`.
    pub(crate) by: String,
}

impl FromRow for Consent {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let wish = Wish { purpose: row.get(0)?, granted: row.get(1)?, version: row.get(2)? };
        Ok(Self { wish, at: row.get(3)? })
    }
}

impl FromRow for Change {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let wish = Wish { purpose: row.get(1)?, granted: row.get(2)?, version: row.get(3)? };
        Ok(Self { id: row.get(0)?, consent: Consent { wish, at: row.get(4)? }, by: row.get(5)? })
    }
}

/// Whether the account is there and not deleted.
pub(crate) async fn is_live(tx: &mut Tx, user_id: UserId) -> Result<bool> {
    Ok(tx.opt::<(UserId,)>(LIVE, args![user_id]).await?.is_some())
}

/// What a person agrees to and does not, by purpose.
pub(crate) async fn consents(tx: &mut Tx, user_id: UserId) -> Result<Vec<Consent>> {
    Ok(tx.all(CONSENTS, args![user_id]).await?)
}

/// Notes a consent and the change.
pub(crate) async fn set_consent(tx: &mut Tx, user_id: UserId, change: &Change) -> Result<()> {
    let Consent { wish, at } = &change.consent;
    let (purpose, version) = (wish.purpose.as_str(), wish.version.as_str());
    tx.exec(SET, args![user_id, purpose, wish.granted, version, *at]).await?;
    let values = args![change.id, user_id, purpose, wish.granted, version, *at, change.by.as_str()];
    tx.exec(INSERT_CHANGE, values).await?;
    Ok(())
}

/// A person's changes before an id, newest first.
pub(crate) async fn changes(tx: &mut Tx, user_id: UserId, before: Uuid, limit: i64) -> Result<Vec<Change>> {
    Ok(tx.all(CHANGES, args![user_id, before, limit]).await?)
}

/// Since when an account is restricted and by whom; none when there is no such account.
pub(crate) async fn restriction(
    tx: &mut Tx,
    user_id: UserId,
) -> Result<Option<(Option<Timestamp>, Option<String>)>> {
    Ok(tx.opt(RESTRICTION, args![user_id]).await?)
}

/// Restricts an account, or lifts the restriction.
pub(crate) async fn restrict(tx: &mut Tx, user_id: UserId, since: Option<(Timestamp, &str)>) -> Result<()> {
    let values = args![user_id, since.map(|(at, _)| at), since.map(|(_, by)| by.to_owned())];
    tx.exec(RESTRICT, values).await?;
    Ok(())
}
