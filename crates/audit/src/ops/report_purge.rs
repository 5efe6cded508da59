//! Takes into the trail that somebody took kept answers away, by an event of this service's own log: the gateway has
//! none.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;

use crate::App;
use crate::error::Error;
use crate::events::EdgePurged;

/// Records the purge as one by the caller. For the gateway only, which knows that they may.
pub(crate) async fn report_purge(app: &App, cx: &Cx, purged: EdgePurged) -> Result<(), Problem> {
    cx.require_service(&[Role::Gateway])?;
    let mut tx = app.db.write_relaxed("writes an event only").await.map_err(Error::from)?;
    tx.emit(cx, purged);
    tx.commit().await.map_err(Error::from)?;
    Ok(())
}
