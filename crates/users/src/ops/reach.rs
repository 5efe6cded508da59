//! How far a caller's rights reach: nobody acts on an account, or gives a role, that may more than they may themselves.

use denizen_db::Tx;
use denizen_kit::caller::Permissions;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};

use crate::error::{Error, Result};
use crate::model::User;
use crate::model::role::is_built_in;
use crate::store::{self, roles};

/// What these roles allow together. A role that is not there is told.
pub(super) async fn permissions_of(tx: &mut Tx, names: &[String]) -> Result<Permissions> {
    let mut sum = Permissions::of_roles(names);
    for name in names.iter().filter(|name| !is_built_in(name)) {
        let role = roles::role(tx, name).await?.ok_or_else(|| Error::UnknownRole(name.clone()))?;
        sum = sum.union(role.permissions);
    }
    Ok(sum)
}

/// What the caller may do themselves: the operator everything.
pub(super) fn own(cx: &Cx) -> Permissions {
    cx.person().map_or(Permissions::all(), |person| person.permissions)
}

/// Lets pass who may themselves do all that the account may, and the account's owner.
pub(super) async fn require_reach(tx: &mut Tx, cx: &Cx, user: &User) -> Result<()> {
    require_reach_of(tx, cx, user.id, &user.roles).await
}

/// The same for an account of which only the id is at hand; one that is not there is beyond nobody.
pub(super) async fn require_reach_to(tx: &mut Tx, cx: &Cx, id: UserId) -> Result<()> {
    let roles = store::roles_of(tx, id).await?.unwrap_or_default();
    require_reach_of(tx, cx, id, &roles).await
}

/// The same for an account with these roles.
pub(super) async fn require_reach_of(tx: &mut Tx, cx: &Cx, id: UserId, roles: &[String]) -> Result<()> {
    if cx.is_self(id) || own(cx).covers(permissions_of(tx, roles).await?) {
        return Ok(());
    }
    let detail = "this account may more than you; somebody with all of its permissions can do this";
    Err(Problem::new(Code::Forbidden, detail).into())
}

/// Lets pass who may themselves do all of this.
pub(super) fn require_own(cx: &Cx, permissions: Permissions) -> Result<(), Problem> {
    if own(cx).covers(permissions) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "nobody can give or take a permission that they lack themselves"))
}
