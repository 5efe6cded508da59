//! Change the user name: the owner, or another's with `users:write`. Uniqueness is a constraint.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::users::v1 as wire;

use super::update_user::{Update, UsernameChange, update_user};
use crate::App;
use crate::error::Result;
use crate::model::Username;

/// Changes the user name.
pub(crate) async fn change_username(
    app: &App,
    cx: &Cx,
    id: UserId,
    username: Username,
    if_version: Option<i64>,
) -> Result<wire::User> {
    let username = Some(UsernameChange::To(username));
    let update = Update { if_version, username, ..Update::default() };
    update_user(app, cx, id, &update).await
}
