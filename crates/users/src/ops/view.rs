//! The record of who looked at other people's accounts.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use crate::App;
use crate::events::UserViewed;

/// Notes that the caller is about to see accounts of others: one's account, or a number of them. A view is not refused
/// because it cannot be noted.
pub(super) async fn note_view(app: &App, cx: &Cx, user_id: Option<UserId>, count: usize) {
    let noted = async {
        let mut tx = app.db.write_relaxed("writes an event only").await?;
        tx.emit(cx, UserViewed { user_id, count });
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, "a view of other people's accounts could not be recorded");
    }
}
