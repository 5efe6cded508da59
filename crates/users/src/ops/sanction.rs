//! What blocking and suspending have in common: sessions end, the status is written, sessions end again.

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use denizen_rpc::users::v1 as wire;

use super::end_sessions::end_sessions;
use super::reach::require_reach;
use super::{key_of, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::{UserBlocked, UserSuspended};
use crate::model::{Reason, Status, User};
use crate::store;

/// What is done to an account.
#[derive(Clone, Debug)]
pub(super) struct Sanction {
    /// Name under which the reply is kept.
    pub(super) method: &'static str,
    /// Until when; none for a block.
    pub(super) until: Option<Timestamp>,
    pub(super) reason: Reason,
    pub(super) if_version: Option<i64>,
}

/// Puts an account out of use, with its reason. Asking twice changes who and why.
pub(super) async fn sanction(app: &App, cx: &Cx, id: UserId, wish: &Sanction) -> Result<wire::User> {
    permit(app, cx, cx.require(Permission::UsersBlock)).await?;
    if let Some(kept) = app.db.kept(cx, wish.method).await? {
        return Ok(kept);
    }
    let key = key_of(app, id).await?;
    let check = || async {
        let mut tx = app.db.read().await?;
        sanctionable(&mut tx, cx, (id, &key), wish.if_version).await?;
        Ok(())
    };
    app.db.run(cx, check).await?;
    end_sessions(app, cx, id, wish.word()).await?;
    let op = || async { Ok(write(app, cx, (id, &key), wish).await?) };
    let changed = app.db.run_once(cx, wish.method, op).await?;
    // A login may have opened a session after the first ending and before the write.
    if let Err(error) = end_sessions(app, cx, id, wish.word()).await {
        tracing::warn!(%error, "sessions of an account out of use are left to the event");
    }
    Ok(changed)
}

/// The account, if the caller may put it out of use and somebody is left to administer.
async fn sanctionable(tx: &mut Tx, cx: &Cx, (id, key): (UserId, &Key), version: Option<i64>) -> Result<User> {
    let user = store::user(tx, id).await?.ok_or(Error::NoSuchUser)?.open(key)?;
    require_reach(tx, cx, &user).await?;
    user.require_version(version)?;
    if user.deleted_at.is_some() {
        return Err(Error::Deleted);
    }
    if user.is_admin() && !store::another_admin(tx, id).await? {
        return Err(Error::LastAdministrator);
    }
    Ok(user)
}

async fn write(app: &App, cx: &Cx, (id, key): (UserId, &Key), wish: &Sanction) -> Result<wire::User> {
    let mut tx = app.db.write().await?;
    let mut user = sanctionable(&mut tx, cx, (id, key), wish.if_version).await?;
    let from = user.status.as_str();
    user.status = if wish.until.is_some() { Status::Suspended } else { Status::Blocked };
    user.status_until = wish.until;
    user.status_reason = Some(wish.reason.clone());
    user.status_by = Some(cx.caller().actor());
    user.status_at = Some(cx.now());
    let user = user.touched(cx.now());
    save(app, &mut tx, &user, key).await?;
    let (to, roles) = (user.status.as_str(), user.roles.clone());
    let reason_sealed = store::sealed_reason(&user, key);
    match wish.until {
        None => tx.emit(cx, UserBlocked { user_id: id, from, to, roles, reason_sealed }),
        Some(until) => tx.emit(cx, UserSuspended { user_id: id, from, to, roles, reason_sealed, until }),
    }
    tx.commit().await?;
    Ok(crate::rpc::encode(&user, cx))
}

// === impl Sanction ===

impl Sanction {
    /// Why the sessions end, for the audit trail.
    const fn word(&self) -> &'static str {
        if self.until.is_some() { "account_suspended" } else { "account_blocked" }
    }
}
