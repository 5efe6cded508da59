//! Deletes what need not be kept: the mailbox beyond its size, messages long sent or long dead. In small steps, so
//! that no write waits for it.

use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::time::before;

use crate::App;
use crate::error::Result;
use crate::store;

/// How many messages the mailbox keeps.
pub const MAILBOX_SIZE: i64 = 1_000;

/// How long a sent message can be looked up.
const KEEP_SENT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a dead message, and what was reported of any, can be looked up.
const KEEP_DEAD: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Rows of each kind that one step deletes.
const CHUNK: i64 = 500;

/// Deletes one step's rows; whether there may be more.
pub async fn sweep(app: &App, cx: &Cx) -> Result<bool> {
    let (sent_before, dead_before) = (before(cx.now(), KEEP_SENT), before(cx.now(), KEEP_DEAD));
    let most = app
        .db
        .run(cx, || async {
            let mut tx = app.db.write_relaxed("rows that nobody else touches any more").await?;
            let sent = store::sweep_sent(&mut tx, sent_before, CHUNK).await?;
            let dead = store::sweep_dead(&mut tx, dead_before, CHUNK).await?;
            let reports = store::notifications::sweep_reports(&mut tx, dead_before, CHUNK).await?;
            let caught = store::trim_mailbox(&mut tx, MAILBOX_SIZE, CHUNK).await?;
            tx.commit().await?;
            Ok(sent.max(dead).max(reports).max(caught))
        })
        .await?;
    Ok(most >= CHUNK.unsigned_abs())
}
