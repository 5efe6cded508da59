//! What password asks users and auth about an account.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::auth::internal::v1::EndUserSessionsRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::GetContactRequest;
use denizen_rpc::users::v1::Status;

use crate::App;
use crate::error::Result;

/// What a password must not resemble; none when the account is gone or closed to its owner.
pub(super) async fn context_of(app: &App, cx: &Cx, user_id: UserId) -> Result<Option<Vec<String>>> {
    let request = GetContactRequest { user_id: user_id.to_string() };
    let contact = app.links.directory(cx).get_contact(request).await.map_err(problem_from)?.into_inner();
    if !contact.found || matches!(contact.status(), Status::Blocked | Status::Deleted) {
        return Ok(None);
    }
    let data = [
        contact.name,
        contact.username,
        contact.email,
        contact.pending_email,
        contact.mobile,
        contact.pending_mobile,
    ];
    Ok(Some(data.into_iter().filter(|text| !text.is_empty()).collect()))
}

/// Ends a person's sessions, all but one if it is named.
pub(super) async fn end_sessions(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    except: String,
    reason: &str,
) -> Result<()> {
    let request = EndUserSessionsRequest {
        user_id: user_id.to_string(),
        except_session_id: except,
        reason: reason.to_owned(),
    };
    app.links.sessions(cx).end_user_sessions(request).await.map_err(problem_from)?;
    Ok(())
}

/// Ends the sessions that a login with the old password opened between the first ending and the new hash. The
/// change stands whatever comes of it, so a failure is told in the log only.
pub(super) async fn end_latecomers(app: &App, cx: &Cx, user_id: UserId, except: String, reason: &str) {
    if let Err(error) = end_sessions(app, cx, user_id, except, reason).await {
        tracing::warn!(user.id = %user_id, %error, "sessions begun during a password change could not be ended");
    }
}
