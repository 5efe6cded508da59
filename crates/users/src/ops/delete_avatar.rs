//! Take the picture of an account away: the owner, or another's with `users:write`.

use std::sync::{Mutex, PoisonError};

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::users::v1 as wire;

use super::put_avatar::drop_object;
use super::reach::require_reach;
use super::{key_of, live_user, permit, require_unrestricted, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserUpdated;

/// Takes the row's name of it away, then the object. That there is none is no error.
pub(crate) async fn delete_avatar(
    app: &App,
    cx: &Cx,
    id: UserId,
    if_version: Option<i64>,
) -> Result<wire::User> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersWrite)).await?;
    let key = key_of(app, id).await?;
    let before = Mutex::new(None);
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let mut user = live_user(&mut tx, id, &key).await?;
        require_reach(&mut tx, cx, &user).await?;
        user.require_version(if_version)?;
        require_unrestricted(cx, &user)?;
        let Some(avatar) = user.avatar.take() else { return Ok(crate::rpc::encode(&user, cx)) };
        let user = user.touched(cx.now());
        save(app, &mut tx, &user, &key).await?;
        tx.emit(cx, UserUpdated { user_id: id, fields: vec!["avatar"] });
        tx.commit().await.map_err(Error::from)?;
        *before.lock().unwrap_or_else(PoisonError::into_inner) = Some(avatar);
        Ok(crate::rpc::encode(&user, cx))
    };
    let user = app.db.run_once(cx, "users.DeleteAvatar", op).await?;
    drop_object(app, id, before.into_inner().unwrap_or_else(PoisonError::into_inner)).await;
    Ok(user)
}
