//! Create a user: an administrator (or the operator) opens an account for somebody, with roles of their choice.

use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::cx::Cx;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::users::v1 as wire;

use super::open_account::{Draft, open_account};
use super::permit;
use crate::App;
use crate::error::{Error, Result};

/// Roles that accounts can have.
const ROLES: [&str; 4] = ["user", "support", "admin", "service"];

/// Opens the account. Nobody gives a role that may more than they may themselves.
pub(crate) async fn create_user(app: &App, cx: &Cx, draft: Draft) -> Result<wire::User> {
    permit(app, cx, cx.require(Permission::UsersWrite)).await?;
    let mut roles = draft.roles.clone();
    if let Some(unknown) = roles.iter().find(|role| !ROLES.contains(&role.as_str())) {
        return Err(Error::UnknownRole(unknown.clone()));
    }
    let own = cx.person().map_or(Permissions::all(), |person| person.permissions);
    if !own.covers(Permissions::of_roles(&roles)) {
        return Err(Problem::new(
            Code::Forbidden,
            "nobody can give a role that may more than they may themselves",
        )
        .into());
    }
    if !roles.iter().any(|role| role == "user") {
        roles.insert(0, "user".to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    roles.retain(|role| seen.insert(role.clone()));
    open_account(app, cx, "users.CreateUser", &Draft { roles, ..draft }).await
}
