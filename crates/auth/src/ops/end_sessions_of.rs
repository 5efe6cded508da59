//! End all sessions of a person, and let no login of theirs that is under way be completed: one's own, or another's
//! with sessions:end.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::auth::v1::EndSessionResponse;

use super::ending::{All, end_all};
use super::permit::permit;
use super::reach::require_reach;
use crate::App;
use crate::error::Result;
use crate::events::AllSessionsEnded;
use crate::store;

/// Ends the sessions; says how many ended. Asking twice is not an error.
pub(crate) async fn end_sessions_of(app: &App, cx: &Cx, user_id: UserId) -> Result<EndSessionResponse> {
    permit(app, cx, cx.require_self_or(user_id, Permission::SessionsEnd)).await?;
    require_reach(app, cx, user_id).await?;
    let end = || async { Ok(EndSessionResponse { ended: end(app, cx, user_id).await? }) };
    let reply = app.db.run_once(cx, "auth.EndSessionsOf", end).await;
    app.feed.ring();
    Ok(reply?)
}

async fn end(app: &App, cx: &Cx, user_id: UserId) -> Result<i64> {
    let reason = if cx.is_self(user_id) { "ended_by_owner" } else { "ended_by_admin" };
    let mut tx = app.db.write().await?;
    store::raise_epoch(&mut tx, user_id).await?;
    let count = end_all(app, cx, &mut tx, &All { user_id, except: None, reason }).await?;
    tx.emit(cx, AllSessionsEnded { user_id, count, reason });
    tx.commit().await?;
    Ok(count)
}
