//! Roles that administrators make: list, show, make, change, delete.

use denizen_db::Tx;
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::cx::Cx;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::users::v1 as wire;

use super::permit;
use super::reach::require_own;
use crate::App;
use crate::error::{Error, Result};
use crate::events::{RoleCreated, RoleDeleted, RoleUpdated};
use crate::model::role::{BUILT_IN, Role, is_built_in, names_of};
use crate::rpc::{built_in_role, custom_role};
use crate::store::roles;

/// A role that somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct NewRole {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) permissions: Permissions,
}

/// What becomes of a role; what is unset stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleChange {
    pub(crate) description: Option<String>,
    pub(crate) permissions: Option<Permissions>,
    pub(crate) if_version: Option<i64>,
}

/// All roles: the built-in ones, then the others by name.
pub(crate) async fn list_roles(app: &App, cx: &Cx) -> Result<Vec<wire::Role>> {
    permit(app, cx, cx.require(Permission::RolesManage)).await?;
    let made = roles::roles(&mut app.db.single().await?).await?;
    let built_in = BUILT_IN.iter().map(|(name, description)| built_in_role(name, description));
    Ok(built_in.chain(made.iter().map(custom_role)).collect())
}

/// One role.
pub(crate) async fn get_role(app: &App, cx: &Cx, name: &str) -> Result<wire::Role> {
    permit(app, cx, cx.require(Permission::RolesManage)).await?;
    if let Some((name, description)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(built_in_role(name, description));
    }
    let role = roles::role(&mut app.db.single().await?, name).await?;
    Ok(custom_role(&role.ok_or(Error::NoSuchRole)?))
}

/// Makes a role.
pub(crate) async fn create_role(app: &App, cx: &Cx, wanted: NewRole) -> Result<wire::Role> {
    permit(app, cx, cx.require(Permission::RolesManage)).await?;
    permit(app, cx, require_own(cx, wanted.permissions)).await?;
    if is_built_in(&wanted.name) {
        return Err(Error::RoleTaken);
    }
    let NewRole { name, description, permissions } = wanted;
    let (created_at, updated_at) = (cx.now(), cx.now());
    let role = Role { name, description, permissions, created_at, updated_at, version: 1 };
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        roles::insert_role(&mut tx, &role).await?;
        tx.emit(cx, RoleCreated { role: role.name.clone(), permissions: names_of(role.permissions) });
        announce(tx).await?;
        Ok(custom_role(&role))
    };
    let reply = app.db.run_once(cx, "users.CreateRole", op).await;
    app.access.ring();
    Ok(reply?)
}

/// Changes a role, for all who have it.
pub(crate) async fn update_role(app: &App, cx: &Cx, name: &str, change: &RoleChange) -> Result<wire::Role> {
    permit(app, cx, cx.require(Permission::RolesManage)).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let before = custom(&mut tx, cx, name, change.if_version).await?;
        let mut role = before.clone();
        role.description.clone_from(change.description.as_ref().unwrap_or(&before.description));
        role.permissions = change.permissions.unwrap_or(before.permissions);
        require_own(cx, role.permissions)?;
        if role == before {
            return Ok(custom_role(&role));
        }
        role.updated_at = cx.now();
        role.version += 1;
        roles::save_role(&mut tx, &role).await?;
        tx.emit(cx, RoleUpdated { role: role.name.clone(), permissions: names_of(role.permissions) });
        announce(tx).await?;
        Ok(custom_role(&role))
    };
    let reply = app.db.run_once(cx, "users.UpdateRole", op).await;
    app.access.ring();
    Ok(reply?)
}

/// Deletes a role that nobody has.
pub(crate) async fn delete_role(
    app: &App,
    cx: &Cx,
    name: &str,
    if_version: Option<i64>,
) -> Result<wire::DeleteRoleResponse> {
    permit(app, cx, cx.require(Permission::RolesManage)).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let role = custom(&mut tx, cx, name, if_version).await?;
        if roles::is_held(&mut tx, name).await? {
            return Err(Error::RoleInUse.into());
        }
        roles::delete_role(&mut tx, &role.name).await?;
        tx.emit(cx, RoleDeleted { role: role.name });
        announce(tx).await?;
        Ok(wire::DeleteRoleResponse {})
    };
    let reply = app.db.run_once(cx, "users.DeleteRole", op).await;
    app.access.ring();
    Ok(reply?)
}

/// A role that is about to change, if the caller may themselves do what it allows.
async fn custom(tx: &mut Tx, cx: &Cx, name: &str, if_version: Option<i64>) -> Result<Role> {
    if is_built_in(name) {
        return Err(Error::RoleBuiltIn);
    }
    let role = roles::role(tx, name).await?.ok_or(Error::NoSuchRole)?;
    require_own(cx, role.permissions)?;
    match if_version {
        Some(version) if version != role.version => Err(Problem::of(Code::StaleVersion).into()),
        _ => Ok(role),
    }
}

/// Commits, so that gateways hear of it at the next ring.
async fn announce(mut tx: Tx) -> Result<()> {
    roles::bump_version(&mut tx).await?;
    Ok(tx.commit().await?)
}
