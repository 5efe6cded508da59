//! Drop a password: the account has none until a reset brings one. Asking twice is not an error.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use crate::App;
use crate::error::Result;
use crate::events::PasswordDropped;
use crate::store;

pub(crate) async fn drop_credential(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    cx.require_service(&[Role::Users])?;
    let write = || async { Ok(write(app, cx, user_id).await?) };
    Ok(app.db.run(cx, write).await?)
}

async fn write(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    let mut tx = app.db.write().await?;
    if !store::drop_credential(&mut tx, user_id).await? {
        return Ok(());
    }
    // A link that was sent before goes with the password.
    store::reset::end_of_user(&mut tx, user_id, cx.now()).await?;
    tx.emit(cx, PasswordDropped { user_id });
    tx.commit().await?;
    Ok(())
}
