//! Suspend an account until a time, after which it is active again by itself. Its sessions end at once.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::users::v1 as wire;

use super::sanction::{Sanction, sanction};
use crate::App;
use crate::error::Result;
use crate::model::Reason;

/// For how long and why.
#[derive(Clone, Debug)]
pub(crate) struct Suspension {
    pub(crate) until: Timestamp,
    pub(crate) reason: Reason,
    pub(crate) if_version: Option<i64>,
}

/// Suspends it.
pub(crate) async fn suspend_user(app: &App, cx: &Cx, id: UserId, wish: Suspension) -> Result<wire::User> {
    let Suspension { until, reason, if_version } = wish;
    if until <= cx.now() {
        let detail = "a suspension ends in the future; activate ends one";
        return Err(Problem::invalid("/until", "out_of_range", detail).into());
    }
    let wish = Sanction { method: "users.SuspendUser", until: Some(until), reason, if_version };
    sanction(app, cx, id, &wish).await
}
