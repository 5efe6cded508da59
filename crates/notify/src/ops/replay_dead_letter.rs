//! Queue a dead letter again, with all its tries before it.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;

use crate::App;
use crate::error::{Error, Result};
use crate::events::NotificationReplayed;
use crate::model::MessageId;
use crate::store::notifications::{self, Notification};

/// Queues it.
pub async fn replay_dead_letter(app: &App, cx: &Cx, id: MessageId) -> Result<Notification> {
    cx.require(Permission::NotificationsManage)?;
    let mut tx = app.db.write().await?;
    if !notifications::replay(&mut tx, id, cx.now()).await? {
        return Err(Error::NoSuchDeadLetter);
    }
    let queued = notifications::notification(&mut tx, id).await?.ok_or(Error::NoSuchDeadLetter)?;
    tx.emit(cx, NotificationReplayed { user_id: queued.user_id, notification_id: id });
    tx.commit().await?;
    Ok(queued)
}
