//! Set the roles of an account. A role that is taken away works no more at once, at every gateway; a role that is given
//! works with the next token.

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::after;
use denizen_rpc::users::v1 as wire;

use super::reach::{permissions_of, require_own, require_reach};
use super::{key_of, live_user, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::{RoleGranted, RoleRevoked};
use crate::model::User;
use crate::model::role::normalised;
use crate::store::{self, roles};

/// Sets them; `user` is always among them. Nobody gives or takes more than they have, the last administrator stays one.
pub(crate) async fn set_roles(
    app: &App,
    cx: &Cx,
    id: UserId,
    wanted: &[String],
    if_version: Option<i64>,
) -> Result<wire::User> {
    permit(app, cx, cx.require(Permission::RolesManage)).await?;
    let key = key_of(app, id).await?;
    let wanted = normalised(wanted);
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let before = live_user(&mut tx, id, &key).await?;
        require_reach(&mut tx, cx, &before).await?;
        before.require_version(if_version)?;
        let user = write(app, cx, &mut tx, (before, &key), &wanted).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    let reply = app.db.run_once(cx, "users.SetRoles", op).await;
    app.access.ring();
    Ok(reply?)
}

async fn write(
    app: &App,
    cx: &Cx,
    tx: &mut Tx,
    (before, key): (User, &Key),
    wanted: &[String],
) -> Result<User> {
    let given: Vec<&String> = wanted.iter().filter(|role| !before.roles.contains(role)).collect();
    let taken: Vec<&String> = before.roles.iter().filter(|role| !wanted.contains(role)).collect();
    if given.is_empty() && taken.is_empty() {
        return Ok(before);
    }
    let moved: Vec<String> = given.iter().chain(&taken).map(|role| (*role).clone()).collect();
    require_own(cx, permissions_of(tx, &moved).await?)?;
    let user_id = before.id;
    let demoted = taken.iter().any(|role| *role == "admin");
    if demoted && !store::another_admin(tx, user_id).await? {
        return Err(Error::LastAdministrator);
    }
    for role in &given {
        roles::grant(tx, user_id, role, before.created_at).await?;
        tx.emit(cx, RoleGranted { user_id, role: (*role).clone() });
    }
    for role in &taken {
        roles::revoke(tx, user_id, role).await?;
        tx.emit(cx, RoleRevoked { user_id, role: (*role).clone() });
    }
    // Whoever lost a role before may be given it again while the loss is still heard of: what is heard is what is now.
    roles::lose(tx, user_id, wanted, after(cx.now(), app.config.token_ttl)).await?;
    roles::bump_version(tx).await?;
    let user = User { roles: wanted.to_vec(), ..before }.touched(cx.now());
    save(app, tx, &user, key).await?;
    Ok(user)
}
