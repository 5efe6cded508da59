//! Note when sessions were last used, as gateways tell it now and then.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;
use denizen_kit::time::{Timestamp, before};

use crate::App;
use crate::error::Result;
use crate::store;

/// How long until the use of a session is noted again.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Sessions in one transaction, so that nobody waits for it.
const CHUNK: usize = 100;

/// Notes the uses; one of a session that is not live, and one within a minute of the last that was noted, change
/// nothing.
pub(crate) async fn note_seen(app: &App, cx: &Cx, seen: &[(SessionId, Timestamp)]) -> Result<()> {
    cx.require_service(&[Role::Gateway])?;
    for chunk in seen.chunks(CHUNK) {
        app.db.run(cx, || async { Ok(note_chunk(app, cx, chunk).await?) }).await?;
    }
    Ok(())
}

async fn note_chunk(app: &App, cx: &Cx, seen: &[(SessionId, Timestamp)]) -> Result<()> {
    let mut tx = app.db.write_relaxed("each is one conditional statement on one row").await?;
    for (id, at) in seen {
        // A gateway whose clock is ahead must not let a session be seen in the future.
        let at = cx.now().min(*at);
        store::note_seen(&mut tx, *id, at, before(at, NOTED_EVERY)).await?;
    }
    tx.commit().await?;
    Ok(())
}
