//! End the caller's session, or all of the caller's sessions.

use denizen_kit::cx::Cx;

use super::ending::{All, end_all, end_one};
use crate::App;
use crate::error::Result;
use crate::store;

/// Ends the session of the token that the caller came with, or all; says how many ended.
pub(crate) async fn logout(app: &App, cx: &Cx, all: bool) -> Result<i64> {
    let person = cx.require_person()?;
    let mut tx = app.db.write().await?;
    let ended = match person.session_id {
        _ if all => {
            // A login that is under way elsewhere is one of all.
            store::raise_epoch(&mut tx, person.user_id).await?;
            let all = All { user_id: person.user_id, except: None, reason: "logout_all" };
            end_all(app, cx, &mut tx, &all).await?
        }
        Some(id) => i64::from(end_one(app, cx, &mut tx, id, "logout").await?),
        None => 0,
    };
    tx.commit().await?;
    Ok(ended)
}
