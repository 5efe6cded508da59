//! Export hashes of passwords, for a move to another system. Each call is recorded.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::put_credentials::require_few;
use crate::App;
use crate::error::Result;
use crate::events::HashesExported;
use crate::store;

pub(crate) async fn export_hashes(app: &App, cx: &Cx, user_ids: &[UserId]) -> Result<Vec<(UserId, String)>> {
    cx.require_service(&[Role::Users])?;
    require_few("/user_ids", user_ids.len())?;
    let mut tx = app.db.read().await?;
    let mut hashes = Vec::new();
    for user_id in user_ids {
        let hash = store::hash(&mut tx, *user_id).await?;
        hashes.extend(hash.map(|hash| (*user_id, hash)));
    }
    drop(tx);
    record(app, cx, hashes.len()).await?;
    Ok(hashes)
}

async fn record(app: &App, cx: &Cx, count: usize) -> Result<()> {
    let recorded = app.db.run(cx, || async {
        let mut tx = app.db.write_relaxed("writes an event only").await?;
        tx.emit(cx, HashesExported { count });
        tx.commit().await?;
        Ok(())
    });
    Ok(recorded.await?)
}
