//! List notifications, or dead letters, the newest first.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::Id;
use denizen_kit::problem::Problem;
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::model::MessageId;
use crate::store::notifications::{self, Notification, Which};

/// A page, and the cursor of the next; empty on the last.
pub async fn list_notifications(
    app: &App,
    cx: &Cx,
    which: Which,
    limit: i64,
    cursor: &str,
) -> Result<(Vec<Notification>, String)> {
    cx.require(match which {
        Which::Dead => Permission::NotificationsManage,
        Which::All | Which::OfUser(_) | Which::OfStatus(_) => Permission::NotificationsRead,
    })?;
    let before: MessageId = match cursor {
        "" => Id::from_uuid(Uuid::max()),
        cursor => cursor
            .parse()
            .map_err(|_| Problem::malformed("this cursor is not one of this list; start again without it"))?,
    };
    let mut page = notifications::page(&mut app.db.single().await?, which, before, limit + 1).await?;
    let fits = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = page.len() > fits;
    page.truncate(fits);
    let next = page.last().filter(|_| has_more).map(|last| last.id.to_string()).unwrap_or_default();
    Ok((page, next))
}
