//! Delete what is held about a person who is erased: live sessions end first, so that their access tokens die at every
//! gateway, and no login that is under way is completed. Only users may ask; asking twice is not an error.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::ending::{All, end_all};
use crate::App;
use crate::error::Result;
use crate::store;

/// Deletes all of it; how many rows went.
pub(crate) async fn erase_records(app: &App, cx: &Cx, user_id: UserId) -> Result<u64> {
    cx.require_service(&[Role::Users])?;
    let mut tx = app.db.write().await?;
    store::raise_epoch(&mut tx, user_id).await?;
    let all = All { user_id, except: None, reason: "account_erased" };
    end_all(app, cx, &mut tx, &all).await?;
    store::forget_devices(&mut tx, user_id).await?;
    store::forget_factor(&mut tx, user_id).await?;
    let deleted = store::delete_records(&mut tx, user_id).await?;
    tx.commit().await?;
    app.keys.people.forget(user_id);
    Ok(deleted)
}
