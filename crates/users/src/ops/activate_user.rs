//! Put an account back into use: unblock it, end its suspension or its wait for a proof, restore a deleted one.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::after;
use denizen_rpc::users::v1 as wire;

use super::reach::require_reach;
use super::{key_of, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserActivated;
use crate::model::{Status, User};
use crate::store;

/// What is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lift {
    /// A block or a suspension; an account that waits for its proof goes on waiting.
    Sanction,
    /// All that stands in the way, a deletion too.
    Everything,
}

/// Puts the account back into use. Asking twice changes nothing.
pub(crate) async fn activate_user(
    app: &App,
    cx: &Cx,
    id: UserId,
    lift: Lift,
    if_version: Option<i64>,
) -> Result<wire::User> {
    permit(app, cx, cx.require(Permission::UsersBlock)).await?;
    let key = key_of(app, id).await?;
    let method = if lift == Lift::Sanction { "users.UnblockUser" } else { "users.ActivateUser" };
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let user = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?.open(&key)?;
        require_reach(&mut tx, cx, &user).await?;
        user.require_version(if_version)?;
        require_restorable(app, cx, &user, lift)?;
        let Some(user) = write(app, cx, &mut tx, (user.clone(), &key), lift).await? else {
            return Ok(crate::rpc::encode(&user, cx));
        };
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    Ok(app.db.run_once(cx, method, op).await?)
}

/// A deleted account comes back by who may delete, while it is kept.
fn require_restorable(app: &App, cx: &Cx, user: &User, lift: Lift) -> Result<()> {
    let Some(deleted_at) = user.deleted_at else { return Ok(()) };
    if lift == Lift::Sanction {
        return Err(Error::Deleted);
    }
    cx.require(Permission::UsersWrite)?;
    let is_kept = cx.now() < after(deleted_at, app.config.deleted_retention);
    if is_kept { Ok(()) } else { Err(Error::NoSuchUser) }
}

/// Writes the account as it is in use again; none when nothing stood in the way.
async fn write(
    app: &App,
    cx: &Cx,
    tx: &mut denizen_db::Tx,
    (user, key): (User, &Key),
    lift: Lift,
) -> Result<Option<User>> {
    let from = if user.deleted_at.is_some() { "deleted" } else { user.status.as_str() };
    let status = status_after(app, &user, lift);
    if user.status == status && user.deleted_at.is_none() {
        return Ok(None);
    }
    let mut user = user;
    user.status = status;
    user.deleted_at = None;
    user.status_until = None;
    user.status_reason = None;
    user.status_by = Some(cx.caller().actor());
    user.status_at = Some(cx.now());
    let user = user.touched(cx.now());
    save(app, tx, &user, key).await?;
    let (to, roles) = (user.status.as_str(), user.roles.clone());
    tx.emit(cx, UserActivated { user_id: user.id, from, to, roles });
    Ok(Some(user))
}

/// The status of an account when what stood in its way is lifted.
fn status_after(app: &App, user: &User, lift: Lift) -> Status {
    let is_sanctioned = matches!(user.status, Status::Blocked | Status::Suspended);
    if lift == Lift::Everything {
        return Status::Active;
    }
    if !is_sanctioned {
        return user.status;
    }
    // It was blocked before its address was proved: the proof is still to come.
    let waits = app.config.registration_status == Status::Pending && user.email_verified_at.is_none();
    if waits { Status::Pending } else { Status::Active }
}

/// Notes that a suspension has ended by itself, if it has.
pub(crate) async fn end_suspension(app: &App, cx: &Cx, id: UserId) -> Result<()> {
    let Some(key) = app.keys.find(id).await? else { return Ok(()) };
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let Some(user) = store::user(&mut tx, id).await? else { return Ok(()) };
        let user = user.open(&key)?;
        let is_over = user.status == Status::Suspended && user.status_at(cx.now()) == Status::Active;
        if !is_over || user.deleted_at.is_some() {
            return Ok(());
        }
        write(app, cx, &mut tx, (user, &key), Lift::Sanction).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    };
    Ok(app.db.run(cx, op).await?)
}
