//! How far a caller's rights reach: nobody acts on the account of somebody who may more than they may themselves.

use denizen_kit::caller::Permissions;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};

use super::permit::permit;
use crate::App;
use crate::error::Result;
use crate::peers;

/// Lets pass the owner, and who may themselves do all that the account may. Asks users, so not within a transaction.
pub(super) async fn require_reach(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    if cx.is_self(user_id) {
        return Ok(());
    }
    let own = cx.person().map_or(Permissions::all(), |person| person.permissions);
    if own.covers(peers::permissions_of(app, cx, user_id).await?) {
        return Ok(());
    }
    let detail = "this account may more than you; somebody with all of its permissions can do this";
    permit(app, cx, Err(Problem::new(Code::Forbidden, detail))).await
}
