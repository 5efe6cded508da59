//! Block an account until somebody unblocks it. Its sessions end at once.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::users::v1 as wire;

use super::sanction::{Sanction, sanction};
use crate::App;
use crate::error::Result;
use crate::model::Reason;

/// Blocks it.
pub(crate) async fn block_user(
    app: &App,
    cx: &Cx,
    id: UserId,
    reason: Reason,
    if_version: Option<i64>,
) -> Result<wire::User> {
    let wish = Sanction { method: "users.BlockUser", until: None, reason, if_version };
    sanction(app, cx, id, &wish).await
}
