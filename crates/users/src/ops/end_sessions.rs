//! Ends the sessions of an account, by auth.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::auth::internal::v1::EndUserSessionsRequest;
use denizen_rpc::problem_from;

use crate::App;
use crate::error::Result;

/// Ends all sessions of an account and lets no login that is under way be completed. The reason is a word of ours, for
/// the audit trail.
pub(super) async fn end_sessions(app: &App, cx: &Cx, id: UserId, reason: &'static str) -> Result<()> {
    end(app, cx, id, (reason, false)).await
}

/// The same for an account that has changed hands: second factor and known devices of the one before go too.
pub(super) async fn end_all_of_another(app: &App, cx: &Cx, id: UserId, reason: &'static str) -> Result<()> {
    end(app, cx, id, (reason, true)).await
}

async fn end(app: &App, cx: &Cx, id: UserId, (reason, forget): (&'static str, bool)) -> Result<()> {
    let (user_id, except_session_id) = (id.to_string(), String::new());
    let ending = EndUserSessionsRequest { user_id, except_session_id, reason: reason.to_owned(), forget };
    app.links.sessions(cx).end_user_sessions(ending).await.map_err(problem_from)?;
    Ok(())
}
