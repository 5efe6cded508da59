//! What the service does: one verb a file.

mod append;
mod checkpoint;
mod collect_records;
mod export_entries;
mod get_statistics;
mod list_checkpoints;
mod list_entries;
mod report_purge;
mod report_refusals;
mod retain;
mod verify_chain;

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;

pub(crate) use append::{Batch, append};
pub(crate) use checkpoint::checkpoint;
pub(crate) use collect_records::collect_records;
pub(crate) use export_entries::export_entries;
pub(crate) use get_statistics::{Day, MOST_DAYS, Statistics, get_statistics, read_present};
pub(crate) use list_checkpoints::{CheckpointPage, list_checkpoints};
pub(crate) use list_entries::{Page, Shown, Wanted, list_entries};
pub(crate) use report_purge::report_purge;
pub(crate) use report_refusals::{MOST, Refusal, report_refusals};
pub(crate) use retain::{cut, retain};
pub(crate) use verify_chain::{Asked, Lag, Walked, verify_chain};

use crate::App;

/// Lets pass who may read the trail. A refusal becomes an entry itself, though the operation only reads.
async fn require_reader(app: &App, cx: &Cx) -> Result<(), Problem> {
    if cx.may(Permission::AuditRead) {
        return Ok(());
    }
    // Boxed: a run is a large future, and most calls never need it.
    Box::pin(app.db.run(cx, || async { cx.require(Permission::AuditRead) })).await
}
