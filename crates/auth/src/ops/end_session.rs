//! End one session: one's own, or another's with sessions:end. Another's without it is not there.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;
use denizen_rpc::auth::v1::EndSessionResponse;

use super::ending::end_one;
use super::reach::require_reach;
use crate::App;
use crate::error::{Error, Result};
use crate::store;

/// Ends the session; says how many ended: none if it had ended before.
pub(crate) async fn end_session(app: &App, cx: &Cx, id: SessionId) -> Result<EndSessionResponse> {
    let may_end_any = cx.may(Permission::SessionsEnd);
    if !may_end_any {
        cx.require_person()?;
    }
    let session = store::session(&mut app.db.single().await?, id).await?.ok_or(Error::NoSuchSession)?;
    let reason = match (cx.is_self(session.user_id), may_end_any) {
        (true, _) => "ended_by_owner",
        (false, true) => "ended_by_admin",
        (false, false) => return Err(Error::NoSuchSession),
    };
    require_reach(app, cx, session.user_id).await?;
    let end = || async { Ok(EndSessionResponse { ended: i64::from(end(app, cx, id, reason).await?) }) };
    let reply = app.db.run(cx, end).await;
    app.feed.ring();
    Ok(reply?)
}

async fn end(app: &App, cx: &Cx, id: SessionId, reason: &str) -> Result<bool> {
    let mut tx = app.db.write().await?;
    let ended = end_one(app, cx, &mut tx, id, reason).await?;
    tx.commit().await?;
    Ok(ended)
}
