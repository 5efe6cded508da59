//! Roles that administrators made, who holds which, and what gateways must hear of it.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;

use crate::error::Result;
use crate::model::role::{Role, names_of};

const ROLE: &str =
    "SELECT name, description, permissions, created_at, updated_at, version FROM roles WHERE name = $1";
const ROLES: &str = "SELECT name, description, permissions, created_at, updated_at, version FROM roles ORDER BY name LIMIT 1000";
const INSERT: &str = "INSERT INTO roles (name, description, permissions, created_at, updated_at, version) \
    VALUES ($1, $2, $3, $4, $5, $6)";
const UPDATE: &str =
    "UPDATE roles SET description = $2, permissions = $3, updated_at = $4, version = $5 WHERE name = $1";
const DELETE: &str = "DELETE FROM roles WHERE name = $1";
const HOLDER: &str = "SELECT user_id FROM user_roles WHERE role = $1 LIMIT 1";
const GRANT: &str = "INSERT INTO user_roles (user_id, role, created_at) VALUES ($1, $2, $3)";
const REVOKE: &str = "DELETE FROM user_roles WHERE user_id = $1 AND role = $2";
const LOSE: &str = "INSERT INTO role_losses (user_id, roles, matters_until) VALUES ($1, $2, $3) \
    ON CONFLICT (user_id) DO UPDATE SET roles = excluded.roles, matters_until = excluded.matters_until";
const LOSSES: &str =
    "SELECT user_id, roles FROM role_losses WHERE matters_until > $1 ORDER BY matters_until LIMIT 100000";
const FORGET_LOSSES: &str = "DELETE FROM role_losses WHERE user_id IN \
    (SELECT user_id FROM role_losses WHERE matters_until < $1 ORDER BY matters_until LIMIT 500)";
const VERSION: &str = "SELECT version FROM access_version WHERE id = 1";
const BUMP: &str = "INSERT INTO access_version (id, version) VALUES (1, 1) \
    ON CONFLICT (id) DO UPDATE SET version = access_version.version + 1";

/// A role that administrators made.
pub(crate) async fn role(tx: &mut Tx, name: &str) -> Result<Option<Role>> {
    Ok(tx.opt(ROLE, args![name]).await?)
}

/// All roles that administrators made, by name.
pub(crate) async fn roles(tx: &mut Tx) -> Result<Vec<Role>> {
    Ok(tx.all(ROLES, args![]).await?)
}

/// Writes a new role. Its name is unique.
pub(crate) async fn insert_role(tx: &mut Tx, role: &Role) -> Result<()> {
    let permissions = names_of(role.permissions).join(" ");
    let (name, description) = (role.name.as_str(), role.description.as_str());
    tx.exec(INSERT, args![name, description, permissions, role.created_at, role.updated_at, role.version])
        .await?;
    Ok(())
}

/// Writes a changed role.
pub(crate) async fn save_role(tx: &mut Tx, role: &Role) -> Result<()> {
    let permissions = names_of(role.permissions).join(" ");
    let (name, description) = (role.name.as_str(), role.description.as_str());
    tx.exec(UPDATE, args![name, description, permissions, role.updated_at, role.version]).await?;
    Ok(())
}

/// Deletes a role.
pub(crate) async fn delete_role(tx: &mut Tx, name: &str) -> Result<()> {
    tx.exec(DELETE, args![name]).await?;
    Ok(())
}

/// Whether any account has a role, a deleted one too.
pub(crate) async fn is_held(tx: &mut Tx, name: &str) -> Result<bool> {
    Ok(tx.opt::<(UserId,)>(HOLDER, args![name]).await?.is_some())
}

/// Gives a role to an account; with when the account was made, by which lists are paged.
pub(crate) async fn grant(tx: &mut Tx, user_id: UserId, role: &str, created_at: Timestamp) -> Result<()> {
    tx.exec(GRANT, args![user_id, role, created_at]).await?;
    Ok(())
}

/// Takes a role from an account.
pub(crate) async fn revoke(tx: &mut Tx, user_id: UserId, role: &str) -> Result<()> {
    tx.exec(REVOKE, args![user_id, role]).await?;
    Ok(())
}

/// Notes which roles an account has after it lost one, until no access token can name more.
pub(crate) async fn lose(
    tx: &mut Tx,
    user_id: UserId,
    roles: &[String],
    matters_until: Timestamp,
) -> Result<()> {
    tx.exec(LOSE, args![user_id, roles.join(","), matters_until]).await?;
    Ok(())
}

/// The losses that still matter.
pub(crate) async fn losses(tx: &mut Tx, now: Timestamp) -> Result<Vec<(UserId, Vec<String>)>> {
    let rows: Vec<(UserId, String)> = tx.all(LOSSES, args![now]).await?;
    Ok(rows.into_iter().map(|(id, roles)| (id, roles.split(',').map(str::to_owned).collect())).collect())
}

/// Deletes up to 500 losses that matter no more; says how many.
pub(crate) async fn forget_losses(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    Ok(tx.exec(FORGET_LOSSES, args![now]).await?)
}

/// Grows with each change that gateways must hear of.
pub(crate) async fn version(tx: &mut Tx) -> Result<i64> {
    let row: Option<(i64,)> = tx.opt(VERSION, args![]).await?;
    Ok(row.map_or(0, |(version,)| version))
}

/// Lets gateways hear of a change.
pub(crate) async fn bump_version(tx: &mut Tx) -> Result<()> {
    tx.exec(BUMP, args![]).await?;
    Ok(())
}

impl FromRow for Role {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let names: String = row.get(2)?;
        let held: Vec<Permission> = Permission::ALL
            .into_iter()
            .filter(|permission| names.split(' ').any(|name| name == permission.as_str()))
            .collect();
        Ok(Self {
            name: row.get(0)?,
            description: row.get(1)?,
            permissions: Permissions::of(&held),
            created_at: row.get(3)?,
            updated_at: row.get(4)?,
            version: row.get(5)?,
        })
    }
}
