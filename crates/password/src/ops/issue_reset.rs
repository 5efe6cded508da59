//! Issue a reset: gives notify the token for a message. The same message gets the same token; a newer one ends the older.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, after};
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::store;
use crate::store::reset::Reset;

pub(crate) async fn issue_reset(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    (issue_id, by_mail): (Uuid, bool),
) -> Result<(String, Timestamp)> {
    cx.require_service(&[Role::Notify])?;
    let write = || async { Ok(write(app, cx, user_id, (issue_id, by_mail)).await?) };
    let reset = app.db.run(cx, write).await?;
    Ok((app.keys.reset_token(reset.issue_id, reset.user_id), reset.expires_at))
}

async fn write(app: &App, cx: &Cx, user_id: UserId, (issue_id, by_mail): (Uuid, bool)) -> Result<Reset> {
    let mut tx = app.db.write().await?;
    if let Some(reset) = store::reset::reset(&mut tx, issue_id).await? {
        return if reset.user_id == user_id { Ok(reset) } else { Err(Error::NoSuchUser) };
    }
    let expires_at = after(cx.now(), app.config.reset_ttl);
    let reset = Reset { issue_id, user_id, expires_at, used_at: None, ended_at: None, by_mail };
    store::reset::insert(&mut tx, &reset, None, cx.now()).await?;
    tx.commit().await?;
    Ok(reset)
}
