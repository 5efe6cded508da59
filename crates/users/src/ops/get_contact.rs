//! The addresses and language of one person, for a message to them.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use crate::App;
use crate::error::Result;
use crate::model::User;
use crate::store;

/// The person's account; none when it is gone.
pub(crate) async fn get_contact(app: &App, cx: &Cx, id: UserId) -> Result<Option<User>> {
    cx.require_service(&[Role::Notify, Role::Password])?;
    let mut tx = app.db.single().await?;
    let Some(sealed) = store::user(&mut tx, id).await? else { return Ok(None) };
    drop(tx);
    let Some(key) = app.keys.find(id).await? else { return Ok(None) };
    Ok(Some(sealed.open(&key)?))
}
