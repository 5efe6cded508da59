//! What the service does: one verb a file.

mod append;
mod list_entries;
mod verify_chain;

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;

pub(crate) use append::{Batch, append};
pub(crate) use list_entries::{Page, Shown, Wanted, list_entries};
pub(crate) use verify_chain::{Verdict, verify_chain};

use crate::App;

/// Lets pass who may read the trail. A refusal becomes an entry itself, though the operation only reads.
async fn require_reader(app: &App, cx: &Cx) -> Result<(), Problem> {
    if cx.may(Permission::AuditRead) {
        return Ok(());
    }
    // Boxed: a run is a large future, and most calls never need it.
    Box::pin(app.db.run(cx, || async { cx.require(Permission::AuditRead) })).await
}
