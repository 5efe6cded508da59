//! End the sessions of an account that was closed, as users tells it in its log. Who closes an account asks for the end
//! of its sessions at once; this is for the case that auth could not be reached then.

use denizen_db::cursor;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::from_micros;
use denizen_rpc::events::internal::v1::Event;

use super::ending::{Closed, end_begun};
use crate::App;
use crate::error::Result;
use crate::store;

/// Takes one event in and moves the place in the log on. Doing so twice changes nothing.
///
/// Only sessions that began before the account was closed end: it may have been opened again, and its owner may have
/// logged in, before auth came to read of it.
pub(crate) async fn close_account(app: &App, cx: &Cx, event: &Event) -> Result<()> {
    cx.require_service(&[Role::Auth])?;
    let mut tx = app.db.write().await?;
    if let (Some(reason), Ok(user_id)) = (reason_of(&event.r#type), event.subject.parse::<UserId>()) {
        let closed = Closed { user_id, at: from_micros(event.at), reason };
        end_begun(app, cx, &mut tx, &closed).await?;
        if event.r#type == "user.erased" {
            store::forget_factor(&mut tx, user_id).await?;
            store::forget_devices(&mut tx, user_id).await?;
            store::delete_records(&mut tx, user_id).await?;
        }
    }
    cursor::advance(&mut tx, Role::Users.as_str(), event.seq).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether an event of users closes an account.
pub(crate) fn closes_account(kind: &str) -> bool {
    reason_of(kind).is_some()
}

/// Why the sessions end; none for an event that closes no account.
fn reason_of(kind: &str) -> Option<&'static str> {
    match kind {
        "user.blocked" => Some("account_blocked"),
        "user.suspended" => Some("account_suspended"),
        "user.deleted" => Some("account_deleted"),
        "user.erased" => Some("account_erased"),
        _ => None,
    }
}
