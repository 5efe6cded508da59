//! Throw a dead letter away.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;

use crate::App;
use crate::error::{Error, Result};
use crate::events::NotificationDiscarded;
use crate::model::MessageId;
use crate::store::notifications;

/// Deletes it.
pub async fn delete_dead_letter(app: &App, cx: &Cx, id: MessageId) -> Result<()> {
    cx.require(Permission::NotificationsManage)?;
    let mut tx = app.db.write().await?;
    let letter = notifications::notification(&mut tx, id).await?.ok_or(Error::NoSuchDeadLetter)?;
    if !notifications::discard(&mut tx, id).await? {
        return Err(Error::NoSuchDeadLetter);
    }
    tx.emit(cx, NotificationDiscarded { user_id: letter.user_id, notification_id: id });
    tx.commit().await?;
    Ok(())
}
