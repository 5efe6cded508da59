//! Say whether a session is live now, for a gateway without a fresh feed.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;

use crate::App;
use crate::error::Result;
use crate::store;

/// Whether the session is live; one that is not known is not. In the tokens of service accounts the secret stands for
/// the session: they count until it is deleted.
pub(crate) async fn check_session(app: &App, cx: &Cx, id: SessionId) -> Result<bool> {
    cx.require_service(&[Role::Gateway])?;
    match store::session(&mut app.db.single().await?, id).await? {
        Some(session) => Ok(session.is_live(cx.now())),
        None => Ok(store::secret(&mut app.db.single().await?, id).await?.is_some()),
    }
}
