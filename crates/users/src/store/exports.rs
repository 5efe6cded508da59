//! The SQL of archives, and of the pages that pseudonymised accounts are read by.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::{Id, UserId};
use denizen_kit::time::Timestamp;

use crate::error::Result;

const INSERT: &str = "INSERT INTO exports (id, user_id, created_at, next_try_at, attempts, size, expires_at) \
    VALUES ($1, $2, $3, $3, 0, 0, $4)";
const PENDING: &str = "SELECT id, user_id, created_at, attempts, size, ready_at, failed_at, expires_at \
    FROM exports WHERE user_id = $1 AND next_try_at IS NOT NULL";
const EXPORT: &str = "SELECT id, user_id, created_at, attempts, size, ready_at, failed_at, expires_at \
    FROM exports WHERE id = $1 AND user_id = $2";
const OF_USER: &str = "SELECT id, user_id, created_at, attempts, size, ready_at, failed_at, expires_at \
    FROM exports WHERE user_id = $1 ORDER BY id DESC LIMIT 100";
const CLAIM: &str = "UPDATE exports SET next_try_at = $2, attempts = attempts + 1 WHERE id = \
    (SELECT id FROM exports WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT 1) AND next_try_at <= $1 \
    RETURNING id, user_id, created_at, attempts, size, ready_at, failed_at, expires_at";
const READY: &str = "UPDATE exports SET next_try_at = NULL, ready_at = $3, size = $4, expires_at = $5 \
    WHERE id = $1 AND attempts = $2 AND next_try_at IS NOT NULL";
const AGAIN: &str =
    "UPDATE exports SET next_try_at = $3 WHERE id = $1 AND attempts = $2 AND next_try_at IS NOT NULL";
const FAILED: &str = "UPDATE exports SET next_try_at = NULL, failed_at = $3 WHERE id = $1 AND attempts = $2 \
    AND next_try_at IS NOT NULL";
const EXPIRED: &str = "SELECT id, user_id, created_at, attempts, size, ready_at, failed_at, expires_at \
    FROM exports WHERE expires_at <= $1 ORDER BY expires_at LIMIT 100";
const DELETE: &str = "DELETE FROM exports WHERE id = $1";

const ACCOUNTS: &str = "SELECT id, created_at, last_login_at, status, roles, locale, email_verified_at, \
    mobile_verified_at FROM users WHERE deleted_at IS NULL AND (created_at, id) > ($1, $2) AND restricted_at IS NULL \
    ORDER BY created_at, id LIMIT $3";
const CONSENTS_OF: &str = "SELECT c.user_id, c.purpose, c.granted FROM users u JOIN consents c ON c.user_id = u.id \
    WHERE u.deleted_at IS NULL AND (u.created_at, u.id) > ($1, $2) AND (u.created_at, u.id) <= ($3, $4)";

/// What tells exports from other ids.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExportKind {}

/// Id of an archive.
pub(crate) type ExportId = Id<ExportKind>;

/// An archive, made or to be made.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub(crate) id: ExportId,
    pub(crate) user_id: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) attempts: i64,
    /// Bytes of the archive.
    pub(crate) size: i64,
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) failed_at: Option<Timestamp>,
    /// When it goes.
    pub(crate) expires_at: Timestamp,
}

impl FromRow for Export {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            created_at: row.get(2)?,
            attempts: row.get(3)?,
            size: row.get(4)?,
            ready_at: row.get(5)?,
            failed_at: row.get(6)?,
            expires_at: row.get(7)?,
        })
    }
}

/// What statistics may know of an account.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) id: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_login_at: Timestamp,
    pub(crate) status: String,
    pub(crate) roles: String,
    pub(crate) locale: String,
    pub(crate) email_verified: bool,
    pub(crate) mobile_verified: bool,
}

impl FromRow for Outline {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            last_login_at: row.get(2)?,
            status: row.get(3)?,
            roles: row.get(4)?,
            locale: row.get(5)?,
            email_verified: row.get::<Option<Timestamp>>(6)?.is_some(),
            mobile_verified: row.get::<Option<Timestamp>>(7)?.is_some(),
        })
    }
}

/// Adds an order.
pub(crate) async fn insert(tx: &mut Tx, export: &Export) -> Result<()> {
    tx.exec(INSERT, args![export.id, export.user_id, export.created_at, export.expires_at]).await?;
    Ok(())
}

/// The archive that is being made for a person.
pub(crate) async fn pending(tx: &mut Tx, user_id: UserId) -> Result<Option<Export>> {
    Ok(tx.opt(PENDING, args![user_id]).await?)
}

/// A person's archive.
pub(crate) async fn export(tx: &mut Tx, id: ExportId, user_id: UserId) -> Result<Option<Export>> {
    Ok(tx.opt(EXPORT, args![id, user_id]).await?)
}

/// A person's archives, newest first.
pub(crate) async fn exports_of(tx: &mut Tx, user_id: UserId) -> Result<Vec<Export>> {
    Ok(tx.all(OF_USER, args![user_id]).await?)
}

/// Takes one order that is due, until the lease ends.
pub(crate) async fn claim(tx: &mut Tx, now: Timestamp, lease_ends: Timestamp) -> Result<Option<Export>> {
    Ok(tx.opt(CLAIM, args![now, lease_ends]).await?)
}

/// Notes that an archive is there; false when the order is gone or somebody else's.
pub(crate) async fn ready(
    tx: &mut Tx,
    export: &Export,
    now: Timestamp,
    size: i64,
    expires_at: Timestamp,
) -> Result<bool> {
    Ok(tx.exec(READY, args![export.id, export.attempts, now, size, expires_at]).await? == 1)
}

/// Puts an order back for another try.
pub(crate) async fn again(tx: &mut Tx, export: &Export, at: Timestamp) -> Result<()> {
    tx.exec(AGAIN, args![export.id, export.attempts, at]).await?;
    Ok(())
}

/// Gives an order up.
pub(crate) async fn fail(tx: &mut Tx, export: &Export, now: Timestamp) -> Result<()> {
    tx.exec(FAILED, args![export.id, export.attempts, now]).await?;
    Ok(())
}

/// Archives whose time is over.
pub(crate) async fn expired(tx: &mut Tx, now: Timestamp) -> Result<Vec<Export>> {
    Ok(tx.all(EXPIRED, args![now]).await?)
}

/// Removes an archive's row.
pub(crate) async fn delete(tx: &mut Tx, id: ExportId) -> Result<()> {
    tx.exec(DELETE, args![id]).await?;
    Ok(())
}

/// A place in the order of making.
pub(crate) type Place = (Timestamp, UserId);

/// The accounts after a place, those that are restricted left out.
pub(crate) async fn outlines(tx: &mut Tx, after: Place, rows: i64) -> Result<Vec<Outline>> {
    Ok(tx.all(ACCOUNTS, args![after.0, after.1, rows]).await?)
}

/// The consents of the accounts between two places.
pub(crate) async fn consents_between(
    tx: &mut Tx,
    after: Place,
    last: Place,
) -> Result<Vec<(UserId, String, bool)>> {
    Ok(tx.all(CONSENTS_OF, args![after.0, after.1, last.0, last.1]).await?)
}
