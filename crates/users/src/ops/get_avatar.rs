//! Show the picture of an account: one's own, or another's with `users:read`.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::users::v1 as wire;

use super::get_user::get_user;
use super::permit;
use super::put_avatar::sealing;
use crate::App;
use crate::error::Result;
use crate::model::picture;

/// The picture; without its content when the caller has this version.
pub(crate) async fn get_avatar(app: &App, cx: &Cx, id: UserId, held: &[i64]) -> Result<wire::Avatar> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersRead)).await?;
    let user = get_user(app, cx, id).await?;
    let none = || Problem::not_found("this account has no picture");
    let avatar = user.avatar.ok_or_else(none)?;
    let version = picture::version(&avatar);
    if held.contains(&version) {
        return Ok(wire::Avatar { version, ..wire::Avatar::default() });
    }
    let Some(sealed) = app.objects.get(&picture::object(id, &avatar)).await.map_err(Problem::from)? else {
        // It was replaced a moment ago, or the store is another one than it was put into.
        tracing::warn!(user.id = %id, "the picture that an account names is not in the object store");
        return Err(none().into());
    };
    let content = app.keys.of(id).await?.open(&sealing(id, &avatar), &sealed)?;
    Ok(wire::Avatar { version, media_type: picture::media_type(&content).to_owned(), content })
}
