//! What notify does, one file each.

pub mod claim_due;
pub mod collect_records;
pub mod delete_dead_letter;
pub mod deliver;
pub mod erase_records;
pub mod get_notification;
pub mod list_messages;
pub mod list_notifications;
pub mod replay_dead_letter;
pub mod report_status;
pub mod send_notification;
pub mod sweep;
pub mod take_events;

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;

use crate::App;

/// Lets pass who holds the permission, before any field is read. A refusal is recorded.
pub(crate) async fn allow(app: &App, cx: &Cx, permission: Permission) -> Result<(), Problem> {
    app.db.run(cx, || async { cx.require(permission) }).await
}
