//! Delete an account softly: it keeps its identifiers and can be restored for a time; its sessions end first.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_rpc::users::v1 as wire;

use super::end_sessions::end_sessions;
use super::reach::require_reach;
use super::{key_of, live_user, permit, prove::prove, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserDeleted;
use crate::model::Reason;
use crate::store;

/// Name under which the reply is kept.
const METHOD: &str = "users.DeleteUser";

/// Why the sessions end, in the audit trail.
const ENDED: &str = "account_deleted";

/// What comes with the wish to delete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletion {
    pub(crate) if_version: Option<i64>,
    pub(crate) password: Option<String>,
    pub(crate) reason: Option<Reason>,
}

/// Deletes the account: the owner after a fresh proof, another's with `users:write`. The last administrator stays.
pub(crate) async fn delete_user(app: &App, cx: &Cx, id: UserId, deletion: &Deletion) -> Result<wire::User> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersWrite)).await?;
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let key = key_of(app, id).await?;
    let check = || async { Ok(check(app, cx, id, deletion, &key).await?) };
    app.db.run(cx, check).await?;
    if cx.is_self(id) {
        prove(app, cx, id, deletion.password.as_deref()).await?;
    }
    end_sessions(app, cx, id, ENDED).await?;
    let op = || async { Ok(write(app, cx, id, deletion, &key).await?) };
    let deleted = app.db.run_once(cx, METHOD, op).await?;
    // A login may have opened a session after the first ending and before the deletion. The account is deleted
    // whether or not this one comes through: auth ends what is left when it reads the event.
    if let Err(error) = end_sessions(app, cx, id, ENDED).await {
        tracing::warn!(%error, "sessions of a deleted account are left to the event");
    }
    Ok(deleted)
}

async fn write(app: &App, cx: &Cx, id: UserId, deletion: &Deletion, key: &Key) -> Result<wire::User> {
    let mut tx = app.db.write().await?;
    let mut user = live_user(&mut tx, id, key).await?;
    require_reach(&mut tx, cx, &user).await?;
    user.require_version(deletion.if_version)?;
    if user.is_admin() && !store::another_admin(&mut tx, id).await? {
        return Err(Error::LastAdministrator);
    }
    user.deleted_at = Some(cx.now());
    user.status_reason.clone_from(&deletion.reason);
    user.status_by = Some(cx.caller().actor());
    user.status_at = Some(cx.now());
    let user = user.touched(cx.now());
    save(app, &mut tx, &user, key).await?;
    let (from, reason_sealed) = (user.status.as_str(), store::sealed_reason(&user, key));
    tx.emit(cx, UserDeleted { user_id: id, from, to: "deleted", roles: user.roles.clone(), reason_sealed });
    tx.commit().await?;
    Ok(crate::rpc::encode(&user, cx))
}

/// Refuses what the write would refuse, before sessions end for nothing.
async fn check(app: &App, cx: &Cx, id: UserId, deletion: &Deletion, key: &Key) -> Result<()> {
    let mut tx = app.db.read().await?;
    let user = live_user(&mut tx, id, key).await?;
    require_reach(&mut tx, cx, &user).await?;
    user.require_version(deletion.if_version)?;
    if user.is_admin() && !store::another_admin(&mut tx, id).await? {
        return Err(Error::LastAdministrator);
    }
    Ok(())
}
