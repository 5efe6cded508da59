//! End the sessions of a person for another service, and let no login that is under way be completed.

use denizen_db::Tx;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;
use denizen_rpc::auth::internal::v1::EndUserSessionsResponse;

use super::ending::{All, end_all};
use crate::App;
use crate::error::Result;
use crate::events::FactorRemoved;
use crate::store;

/// Longest reason, in bytes.
const MAX_REASON: usize = 64;

/// What another service wants ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) user_id: UserId,
    /// This one lives on.
    pub(crate) except: Option<SessionId>,
    /// A word of the service, for the audit trail.
    pub(crate) reason: &'a str,
    /// Whether second factor and known devices go too: they are of somebody who holds the account no more.
    pub(crate) forget: bool,
}

/// Ends the sessions but for one; says how many ended, and whether the person has a second factor. Asking twice is not an
/// error.
pub(crate) async fn end_user_sessions(
    app: &App,
    cx: &Cx,
    ending: &Ending<'_>,
) -> Result<EndUserSessionsResponse> {
    let Ending { user_id, except, reason, forget } = *ending;
    cx.require_service(&[Role::Users, Role::Password])?;
    // The reason rides in an event: a word of ours, never a text that somebody typed.
    let is_word = reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if reason.is_empty() || reason.len() > MAX_REASON || !is_word {
        let detail = "the reason is a word such as password_reset: a to z and underscore, at most 64";
        return Err(Problem::invalid("/reason", "invalid_format", detail).into());
    }
    let mut tx = app.db.write().await?;
    store::raise_epoch(&mut tx, user_id).await?;
    if forget {
        forget_proofs(cx, &mut tx, user_id).await?;
    }
    let ended = end_all(app, cx, &mut tx, &All { user_id, except, reason }).await?;
    let second_factor = store::factor(&mut tx, user_id).await?.enabled.is_some();
    tx.commit().await?;
    Ok(EndUserSessionsResponse { ended, second_factor })
}

/// Deletes what was set up in the account to know its holder again; who has the mail is told of a factor that went.
async fn forget_proofs(cx: &Cx, tx: &mut Tx, user_id: UserId) -> Result<()> {
    if store::factor(tx, user_id).await?.enabled.is_some() {
        tx.emit(cx, FactorRemoved { user_id, by_admin: false });
    }
    store::forget_factor(tx, user_id).await?;
    store::forget_devices(tx, user_id).await
}
