//! Delete what is held about a person who is erased. Only users may ask; asking twice is not an error.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use crate::App;
use crate::error::Result;
use crate::store;

/// Deletes all of it.
pub(crate) async fn erase_records(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    cx.require_service(&[Role::Users])?;
    let mut tx = app.db.write().await?;
    store::erase(&mut tx, user_id).await?;
    tx.commit().await?;
    Ok(())
}
