//! End all sessions of the caller but the present one, and let no other login that is under way be completed.

use denizen_kit::cx::Cx;

use super::ending::{All, end_all};
use crate::App;
use crate::error::Result;
use crate::store;

/// Ends the others; says how many ended.
pub(crate) async fn end_other_sessions(app: &App, cx: &Cx) -> Result<i64> {
    let person = cx.require_person()?;
    let mut tx = app.db.write().await?;
    store::raise_epoch(&mut tx, person.user_id).await?;
    let all = All { user_id: person.user_id, except: person.session_id, reason: "ended_by_owner" };
    let ended = end_all(app, cx, &mut tx, &all).await?;
    tx.commit().await?;
    Ok(ended)
}
