//! Say whether a session is live now, for a gateway without a fresh feed.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;

use crate::App;
use crate::error::Result;
use crate::store;

/// Whether the session is live; one that is not known is not.
pub(crate) async fn check_session(app: &App, cx: &Cx, id: SessionId) -> Result<bool> {
    cx.require_service(&[Role::Gateway])?;
    let session = store::session(&mut app.db.single().await?, id).await?;
    Ok(session.is_some_and(|session| session.is_live(cx.now())))
}
