//! Put a picture in the place of the one before: the owner, or another's with `users:write`.

use std::sync::{Mutex, PoisonError};

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Kind, Problem};
use denizen_kit::seal::Key;
use denizen_rpc::place;
use denizen_rpc::users::v1 as wire;

use super::reach::require_reach;
use super::{key_of, live_user, permit, require_unrestricted, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserUpdated;
use crate::model::picture;

/// Name under which the reply is kept.
const METHOD: &str = "users.PutAvatar";

/// What a picture is sealed for.
pub(super) fn sealing(user_id: UserId, avatar: &str) -> Vec<u8> {
    place(user_id, &format!("users/avatar/{avatar}"))
}

/// Puts the picture: first the object, which is inert, then the row that names it; at last the object before goes. What
/// a crash leaves is swept.
pub(crate) async fn put_avatar(
    app: &App,
    cx: &Cx,
    id: UserId,
    content: Vec<u8>,
    if_version: Option<i64>,
) -> Result<wire::User> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersWrite)).await?;
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let key = key_of(app, id).await?;
    live_user(&mut app.db.single().await?, id, &key).await?.require_version(if_version)?;
    let content = app.pictures.redraw(cx, content).await?;
    let avatar = cx.uuid().to_string();
    let sealed = key.seal(&sealing(id, &avatar), &content);
    app.objects.put(&picture::object(id, &avatar), sealed).await.map_err(Problem::from)?;

    let before = Mutex::new(None);
    let op = || async {
        let (user, replaced) = name(app, cx, (id, &key), &avatar, if_version).await?;
        *before.lock().unwrap_or_else(PoisonError::into_inner) = replaced;
        Ok(user)
    };
    let written = app.db.run_once(cx, METHOD, op).await;
    let ours = Some(picture::address(id, &avatar));
    let unused = match &written {
        Ok(user) if user.avatar_url == ours => before.into_inner().unwrap_or_else(PoisonError::into_inner),
        // The row may be there after all: the sweep finds out.
        Err(problem) if matches!(problem.kind, Kind::Unavailable | Kind::Timeout | Kind::Internal) => None,
        // The same request has won meanwhile, or the row was refused.
        Ok(_) | Err(_) => Some(avatar),
    };
    drop_object(app, id, unused).await;
    Ok(written?)
}

/// Writes the row that names the picture; the account, and the picture before.
async fn name(
    app: &App,
    cx: &Cx,
    (id, key): (UserId, &Key),
    avatar: &str,
    if_version: Option<i64>,
) -> Result<(wire::User, Option<String>), Problem> {
    let mut tx = app.db.write().await.map_err(Error::from)?;
    let mut user = live_user(&mut tx, id, key).await?;
    require_reach(&mut tx, cx, &user).await?;
    user.require_version(if_version)?;
    require_unrestricted(cx, &user)?;
    let replaced = user.avatar.replace(avatar.to_owned());
    let user = user.touched(cx.now());
    save(app, &mut tx, &user, key).await?;
    tx.emit(cx, UserUpdated { user_id: id, fields: vec!["avatar"] });
    tx.commit().await.map_err(Error::from)?;
    Ok((crate::rpc::encode(&user, cx), replaced))
}

/// Removes a picture that no row names any more; what cannot be removed now is swept.
pub(super) async fn drop_object(app: &App, id: UserId, avatar: Option<String>) {
    let Some(avatar) = avatar else { return };
    if let Err(error) = app.objects.delete(&picture::object(id, &avatar)).await {
        tracing::warn!(%error, user.id = %id, "a picture that is no longer used could not be removed; it will be swept");
    }
}
