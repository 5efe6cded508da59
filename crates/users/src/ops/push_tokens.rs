//! Put and take away the push token of a device: the owner only, as only the owner sees them.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::users::v1 as wire;

use super::{key_of, live_user, permit, require_unrestricted, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserUpdated;
use crate::model::User;
use crate::model::device::{self, Device, PushToken};

/// Puts the token of a device in the place of the one before.
pub(crate) async fn put_push_token(
    app: &App,
    cx: &Cx,
    id: UserId,
    device: &Device,
    token: &PushToken,
) -> Result<wire::User> {
    change(app, cx, id, "users.PutPushToken", |user| {
        let put = device::put(&mut user.push_tokens, device, token);
        put.map_err(|reason| Problem::invalid("/device", "too_many", reason))
    })
    .await
}

/// Takes the token of a device away; that there is none is no error.
pub(crate) async fn delete_push_token(app: &App, cx: &Cx, id: UserId, device: &Device) -> Result<wire::User> {
    change(app, cx, id, "users.DeletePushToken", |user| {
        Ok(user.push_tokens.remove(device.as_str()).is_some())
    })
    .await
}

/// Changes the tokens of an account, if there is something to change.
async fn change(
    app: &App,
    cx: &Cx,
    id: UserId,
    method: &'static str,
    apply: impl Fn(&mut User) -> Result<bool, Problem> + Send + Sync,
) -> Result<wire::User> {
    permit(app, cx, cx.require_self(id)).await?;
    let key = key_of(app, id).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let mut user = live_user(&mut tx, id, &key).await?;
        require_unrestricted(cx, &user)?;
        if !apply(&mut user)? {
            return Ok(crate::rpc::encode(&user, cx));
        }
        let user = user.touched(cx.now());
        save(app, &mut tx, &user, &key).await?;
        tx.emit(cx, UserUpdated { user_id: id, fields: vec!["push_tokens"] });
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    Ok(app.db.run_once(cx, method, op).await?)
}
