//! Lists the signed checkpoints, newest first. They say nothing about anybody, so reading them is not recorded.

use denizen_kit::cx::Cx;

use super::require_reader;
use crate::App;
use crate::error::Result;
use crate::store::{self, Checkpoint};

/// A page of checkpoints.
#[derive(Debug)]
pub(crate) struct CheckpointPage {
    /// The checkpoints.
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// Before which seq the next page begins, if there is one.
    pub(crate) next: Option<i64>,
}

/// Lists the checkpoints before a seq. Needs `audit:read`.
pub(crate) async fn list_checkpoints(app: &App, cx: &Cx, before: i64, limit: i64) -> Result<CheckpointPage> {
    require_reader(app, cx).await?;
    let mut tx = app.db.single().await?;
    // One more than asked for tells whether there is a next page.
    let mut checkpoints = store::checkpoints(&mut tx, before, limit + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = checkpoints.len() > limit;
    checkpoints.truncate(limit);
    let next = checkpoints.last().filter(|_| has_more).map(|last| last.seq);
    Ok(CheckpointPage { checkpoints, next })
}
