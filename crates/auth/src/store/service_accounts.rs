//! The tables of service accounts, of their secrets and of wrong secrets.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::time::{Timestamp, before};

use crate::error::Result;
use crate::model::{Cursor, FAILURES_KEPT, Secret, ServiceAccount};

const SERVICE_ACCOUNT: &str = "SELECT id, name, roles, permissions, created_at, created_by, last_used_at \
     FROM service_accounts WHERE id = $1";

const SERVICE_ACCOUNTS: &str = "SELECT id, name, roles, permissions, created_at, created_by, last_used_at \
     FROM service_accounts WHERE id < $1 ORDER BY id DESC LIMIT $2";

const INSERT_ACCOUNT: &str = "INSERT INTO service_accounts (id, name, roles, permissions, created_at, created_by) \
     VALUES ($1, $2, $3, $4, $5, $6)";

const USE_ACCOUNT: &str = "UPDATE service_accounts SET last_used_at = $3 WHERE id = $1 AND EXISTS \
     (SELECT 1 FROM service_secrets WHERE id = $2 AND (expires_at IS NULL OR expires_at > $3))";

const DELETE_ACCOUNT: &str = "DELETE FROM service_accounts WHERE id = $1";

const SECRET: &str =
    "SELECT id, account_id, digest, created_at, expires_at FROM service_secrets WHERE id = $1";

const SECRETS_OF: &str = "SELECT id, account_id, digest, created_at, expires_at FROM service_secrets \
     WHERE account_id >= $1 AND account_id <= $2 ORDER BY account_id DESC, id DESC";

const INSERT_SECRET: &str = "INSERT INTO service_secrets (id, account_id, digest, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5)";

const LIMIT_SECRET: &str = "UPDATE service_secrets SET expires_at = $2 WHERE id = $1";

const DELETE_SECRET: &str = "DELETE FROM service_secrets WHERE id = $1";

const DELETE_SECRETS: &str = "DELETE FROM service_secrets WHERE id IN (SELECT id FROM service_secrets \
     WHERE expires_at IS NOT NULL AND expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// The account of an id.
pub(crate) async fn service_account(tx: &mut Tx, id: UserId) -> Result<Option<ServiceAccount>> {
    Ok(tx.opt(SERVICE_ACCOUNT, args![id]).await?)
}

/// Accounts after a place, newest first.
pub(crate) async fn service_accounts(tx: &mut Tx, after: Cursor, limit: i64) -> Result<Vec<ServiceAccount>> {
    Ok(tx.all(SERVICE_ACCOUNTS, args![after.0, limit]).await?)
}

/// Adds an account.
pub(crate) async fn insert_service_account(tx: &mut Tx, account: &ServiceAccount) -> Result<()> {
    let args = args![
        account.id,
        account.name.as_str(),
        account.roles.join(" "),
        account.permissions.names().join(" "),
        account.created_at,
        account.created_by.as_str(),
    ];
    tx.exec(INSERT_ACCOUNT, args).await?;
    Ok(())
}

/// Notes that an account was used by one of its secrets; says whether the secret is good.
pub(crate) async fn use_service_account(
    tx: &mut Tx,
    id: UserId,
    secret_id: SessionId,
    now: Timestamp,
) -> Result<bool> {
    Ok(tx.exec(USE_ACCOUNT, args![id, secret_id, now]).await? == 1)
}

/// Deletes an account; its secrets are deleted apart.
pub(crate) async fn delete_service_account(tx: &mut Tx, id: UserId) -> Result<()> {
    tx.exec(DELETE_ACCOUNT, args![id]).await?;
    Ok(())
}

// --- secrets

/// The secret of an id, good or not.
pub(crate) async fn secret(tx: &mut Tx, id: SessionId) -> Result<Option<Secret>> {
    Ok(tx.opt(SECRET, args![id]).await?)
}

/// The secrets of one account, newest first, those included whose time is over.
pub(crate) async fn secrets(tx: &mut Tx, account_id: UserId) -> Result<Vec<Secret>> {
    secrets_between(tx, account_id, account_id).await
}

/// The secrets of the accounts of a page.
pub(crate) async fn secrets_between(tx: &mut Tx, first: UserId, last: UserId) -> Result<Vec<Secret>> {
    Ok(tx.all(SECRETS_OF, args![first, last]).await?)
}

/// Adds a secret.
pub(crate) async fn insert_secret(tx: &mut Tx, secret: &Secret) -> Result<()> {
    let digest = secret.digest.as_slice();
    let args = args![secret.id, secret.account_id, digest, secret.created_at, secret.expires_at];
    tx.exec(INSERT_SECRET, args).await?;
    Ok(())
}

/// Sets when a secret ends.
pub(crate) async fn limit_secret(tx: &mut Tx, id: SessionId, until: Timestamp) -> Result<()> {
    tx.exec(LIMIT_SECRET, args![id, until]).await?;
    Ok(())
}

/// Deletes a secret.
pub(crate) async fn delete_secret(tx: &mut Tx, id: SessionId) -> Result<()> {
    tx.exec(DELETE_SECRET, args![id]).await?;
    Ok(())
}

/// Deletes secrets that ended before a time, at most `limit`; says how many.
pub(crate) async fn delete_secrets(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(tx.exec(DELETE_SECRETS, args![before, limit]).await?)
}

// --- wrong secrets

const LOCKED_UNTIL: &str = "SELECT locked_until FROM service_failures WHERE key = $1";

const COUNT_FAILURE: &str = "INSERT INTO service_failures (key, failures, last_at) VALUES ($1, 1, $2) \
     ON CONFLICT (key) DO UPDATE SET last_at = excluded.last_at, \
     failures = CASE WHEN service_failures.last_at <= $3 THEN 1 ELSE service_failures.failures + 1 END \
     RETURNING failures";

const LOCK: &str = "UPDATE service_failures SET locked_until = $2 WHERE key = $1";

const CLEAR_FAILURES: &str = "DELETE FROM service_failures WHERE key = $1";

const DELETE_FAILURES: &str = "DELETE FROM service_failures WHERE key IN \
     (SELECT key FROM service_failures WHERE last_at < $1 ORDER BY last_at LIMIT $2)";

/// Until when tries of a client from a source must wait.
pub(crate) async fn locked_until(tx: &mut Tx, key: &[u8]) -> Result<Option<Timestamp>> {
    let row: Option<(Option<Timestamp>,)> = tx.opt(LOCKED_UNTIL, args![key]).await?;
    Ok(row.and_then(|(until,)| until))
}

/// Counts a wrong secret; the number in a row, with it.
pub(crate) async fn count_failure(tx: &mut Tx, key: &[u8], now: Timestamp) -> Result<i64> {
    let (failures,): (i64,) = tx.one(COUNT_FAILURE, args![key, now, before(now, FAILURES_KEPT)]).await?;
    Ok(failures)
}

/// Lets the next tries wait.
pub(crate) async fn lock(tx: &mut Tx, key: &[u8], until: Timestamp) -> Result<()> {
    tx.exec(LOCK, args![key, until]).await?;
    Ok(())
}

/// Forgets the wrong secrets of a client from a source.
pub(crate) async fn clear_failures(tx: &mut Tx, key: &[u8]) -> Result<()> {
    tx.exec(CLEAR_FAILURES, args![key]).await?;
    Ok(())
}

/// Deletes counts of before a time, at most `limit`; says how many.
pub(crate) async fn delete_failures(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(tx.exec(DELETE_FAILURES, args![before, limit]).await?)
}

// --- rows

impl FromRow for ServiceAccount {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let roles: String = row.get(2)?;
        let permissions: String = row.get(3)?;
        let permissions: Vec<_> = permissions.split_whitespace().filter_map(Permission::parse).collect();
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            roles: roles.split_whitespace().map(str::to_owned).collect(),
            permissions: Permissions::of(&permissions),
            created_at: row.get(4)?,
            created_by: row.get(5)?,
            last_used_at: row.get(6)?,
        })
    }
}

impl FromRow for Secret {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            account_id: row.get(1)?,
            digest: row.get(2)?,
            created_at: row.get(3)?,
            expires_at: row.get(4)?,
        })
    }
}
