//! Takes due messages for sending, for as long as a lease lasts. A process that ends meanwhile loses nothing: when
//! the lease ends, the message is due again.

use std::time::Duration;

use denizen_kit::cx::{Cx, DEFAULT_DEADLINE};
use denizen_kit::time::after;

use crate::App;
use crate::error::Result;
use crate::model::{Channel, Message};
use crate::store;

/// Time for writing down how it went.
const SETTLING: Duration = Duration::from_secs(5);

/// Takes up to `limit` messages of a channel that are due.
pub async fn claim_due(app: &App, cx: &Cx, channel: Channel, limit: usize) -> Result<Vec<Message>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let lease_ends = after(cx.now(), DEFAULT_DEADLINE + app.config.smtp_timeout + SETTLING);
    let claimed = app
        .db
        .run(cx, || async {
            let mut tx = app.db.write_relaxed("the claim is one statement").await?;
            let claimed = store::claim(&mut tx, channel, cx.now(), lease_ends, limit).await?;
            tx.commit().await?;
            Ok(claimed)
        })
        .await?;
    Ok(claimed)
}
