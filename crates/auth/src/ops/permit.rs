//! The refusal that leaves an entry in the audit trail, for operations that decide before they write.

use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;

use crate::App;
use crate::error::Result;

/// Lets pass, or records the refusal and refuses.
pub(super) async fn permit(app: &App, cx: &Cx, allowed: Result<(), Problem>) -> Result<()> {
    let Err(refusal) = allowed else { return Ok(()) };
    Ok(app.db.run(cx, || async { Err(refusal.clone()) }).await?)
}
