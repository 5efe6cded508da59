//! Delete an account softly: it keeps its identifiers and can be restored for a time; its sessions end first.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::auth::internal::v1::EndUserSessionsRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::{key_of, live_user, permit, prove::prove, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserDeleted;
use crate::store;

/// What comes with the wish to delete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletion {
    pub(crate) if_version: Option<i64>,
    pub(crate) password: Option<String>,
    pub(crate) reason: Option<String>,
}

/// Deletes the account: the owner after a fresh proof, another's with `users:write`. The last administrator stays.
pub(crate) async fn delete_user(app: &App, cx: &Cx, id: UserId, deletion: &Deletion) -> Result<wire::User> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersWrite)).await?;
    let key = key_of(app, id).await?;
    check(app, id, deletion, &key).await?;
    if cx.is_self(id) {
        prove(app, cx, id, deletion.password.as_deref()).await?;
    }
    end_sessions(app, cx, id).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let mut user = live_user(&mut tx, id, &key).await?;
        user.require_version(deletion.if_version)?;
        if user.is_admin() && !store::another_admin(&mut tx, id).await? {
            return Err(Error::LastAdministrator.into());
        }
        user.deleted_at = Some(cx.now());
        user.status_reason.clone_from(&deletion.reason);
        let user = user.touched(cx.now());
        save(app, &mut tx, &user, &key).await?;
        tx.emit(cx, UserDeleted { user_id: id, reason: deletion.reason.clone() });
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    let deleted = app.db.run_once(cx, "users.DeleteUser", op).await?;
    // A login may have opened a session after the first ending and before the deletion.
    end_sessions(app, cx, id).await?;
    Ok(deleted)
}

async fn end_sessions(app: &App, cx: &Cx, id: UserId) -> Result<()> {
    let ending = EndUserSessionsRequest {
        user_id: id.to_string(),
        except_session_id: String::new(),
        reason: "account_deleted".to_owned(),
    };
    app.links.sessions(cx).end_user_sessions(ending).await.map_err(problem_from)?;
    Ok(())
}

/// Refuses what the write would refuse, before sessions end for nothing.
async fn check(app: &App, id: UserId, deletion: &Deletion, key: &denizen_kit::seal::Key) -> Result<()> {
    let mut tx = app.db.read().await?;
    let user = live_user(&mut tx, id, key).await?;
    user.require_version(deletion.if_version)?;
    if user.is_admin() && !store::another_admin(&mut tx, id).await? {
        return Err(Error::LastAdministrator);
    }
    Ok(())
}
