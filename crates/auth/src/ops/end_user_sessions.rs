//! End the sessions of a person for another service, and let no login that is under way be completed.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;

use super::ending::{All, end_all};
use crate::App;
use crate::error::Result;
use crate::store;

/// Longest reason, in bytes.
const MAX_REASON: usize = 64;

/// Ends the sessions but for one; says how many ended. Asking twice is not an error.
pub(crate) async fn end_user_sessions(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    except: Option<SessionId>,
    reason: &str,
) -> Result<i64> {
    cx.require_service(&[Role::Users, Role::Password])?;
    // The reason rides in an event: a word of ours, never a text that somebody typed.
    let is_word = reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if reason.is_empty() || reason.len() > MAX_REASON || !is_word {
        let detail = "the reason is a word such as password_reset: a to z and underscore, at most 64";
        return Err(Problem::invalid("/reason", "invalid_format", detail).into());
    }
    let mut tx = app.db.write().await?;
    store::raise_epoch(&mut tx, user_id).await?;
    let ended = end_all(app, cx, &mut tx, &All { user_id, except, reason }).await?;
    tx.commit().await?;
    Ok(ended)
}
