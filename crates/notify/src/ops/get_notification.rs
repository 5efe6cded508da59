//! One notification with what was reported of it: for who sent it, its reader, and `notifications:read`.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;

use super::allow;
use crate::App;
use crate::error::{Error, Result};
use crate::model::MessageId;
use crate::store::notifications::{self, Notification, Report};

/// Most reports that are shown of one.
const MOST_REPORTS: i64 = 100;

/// A notification of ours or, without one, what was reported of somebody else's.
pub struct Found {
    /// Ours.
    pub notification: Option<Notification>,
    /// The oldest first.
    pub reports: Vec<Report>,
}

/// Looks it up under any id that a reporter may have used.
pub async fn get_notification(app: &App, cx: &Cx, id: &str) -> Result<Found> {
    let me = app.db.run(cx, || async { Ok(cx.require_person()?.user_id) }).await?;
    let found = find(app, id).await?;
    let concerns_me =
        found.notification.as_ref().is_some_and(|it| it.sender == Some(me) || it.user_id == Some(me));
    if !concerns_me {
        allow(app, cx, Permission::NotificationsRead).await?;
    }
    if found.notification.is_none() && found.reports.is_empty() {
        return Err(Error::NoSuchNotification);
    }
    Ok(found)
}

/// What is known under an id; perhaps nothing.
pub(super) async fn find(app: &App, id: &str) -> Result<Found> {
    let mut tx = app.db.read().await?;
    let notification = match id.parse::<MessageId>() {
        Ok(own) => notifications::notification(&mut tx, own).await?,
        Err(_) => None,
    };
    let reports = notifications::reports(&mut tx, id, MOST_REPORTS).await?;
    Ok(Found { notification, reports })
}
