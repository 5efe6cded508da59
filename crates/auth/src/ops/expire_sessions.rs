//! End the sessions whose time was over on an earlier day, so that who counts sessions learns of it. They have let
//! nobody in since their time was over.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;

use crate::App;
use crate::error::Result;
use crate::events::SessionEnded;
use crate::model::day;
use crate::store;

/// Ends at most `limit` of them; says how many.
pub(crate) async fn expire_sessions(app: &App, cx: &Cx, limit: i64) -> Result<usize> {
    cx.require_service(&[Role::Auth])?;
    let mut tx = app.db.write().await?;
    let expired = store::expire_sessions(&mut tx, day(cx.now()), limit).await?;
    for session in &expired {
        let (user_id, session_id) = (session.user_id, session.id);
        tx.emit(cx, SessionEnded { user_id, session_id, reason: "expired".to_owned() });
    }
    tx.commit().await?;
    Ok(expired.len())
}
