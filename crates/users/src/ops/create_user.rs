//! Create a user: an administrator (or the operator) opens an account for somebody, with roles of their choice.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_rpc::users::v1 as wire;

use super::open_account::{Draft, open_account};
use super::permit;
use super::reach::{permissions_of, require_own};
use crate::App;
use crate::error::Result;
use crate::model::role::normalised;

/// Opens the account. Nobody gives a role that may more than they may themselves.
pub(crate) async fn create_user(app: &App, cx: &Cx, draft: Draft) -> Result<wire::User> {
    permit(app, cx, cx.require(Permission::UsersWrite)).await?;
    let roles = normalised(&draft.roles);
    let permissions = permissions_of(&mut app.db.read().await?, &roles).await?;
    permit(app, cx, require_own(cx, permissions)).await?;
    open_account(app, cx, "users.CreateUser", &Draft { roles, ..draft }).await
}
