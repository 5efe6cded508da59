//! List the blocks in force, the newest first.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::store::blocks::{self, Block};

/// A page, and the cursor of the next; empty on the last.
pub(crate) async fn list_ip_blocks(
    app: &App,
    cx: &Cx,
    limit: i64,
    cursor: &str,
) -> Result<(Vec<Block>, String)> {
    // Within `run`, so that a refusal is recorded.
    app.db.run(cx, || async { cx.require(Permission::IpsManage) }).await?;
    let before = match cursor {
        "" => Uuid::max(),
        cursor => Uuid::parse_str(cursor)
            .map_err(|_| Problem::malformed("this cursor is not one of this list; start again without it"))?,
    };
    let mut blocks = blocks::page(&mut app.db.single().await?, cx.now(), before, limit + 1).await?;
    let fits = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = blocks.len() > fits;
    blocks.truncate(fits);
    let last = blocks.last().filter(|_| has_more);
    let next_cursor = last.map(|block| block.id.simple().to_string()).unwrap_or_default();
    Ok((blocks, next_cursor))
}
