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
    let ending = EndUserSessionsRequest {
        user_id: id.to_string(),
        except_session_id: String::new(),
        reason: reason.to_owned(),
    };
    app.links.sessions(cx).end_user_sessions(ending).await.map_err(problem_from)?;
    Ok(())
}
