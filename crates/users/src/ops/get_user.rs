//! Show one account: one's own, or another's with `users:read`.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::view::note_view;
use super::{is_shown, key_of, permit};
use crate::App;
use crate::error::{Error, Result};
use crate::model::User;
use crate::store;

/// The account. A deleted one is there for those with the permission only.
pub(crate) async fn get_user(app: &App, cx: &Cx, id: UserId) -> Result<User> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersRead)).await?;
    let mut tx = app.db.single().await?;
    let sealed = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?;
    let user = sealed.open(&key_of(app, id).await?)?;
    if (user.deleted_at.is_some() && !cx.may(Permission::UsersRead)) || !is_shown(cx, &user) {
        return Err(Error::NoSuchUser);
    }
    if !cx.is_self(id) {
        note_view(app, cx, Some(id), 1).await;
    }
    Ok(user)
}
