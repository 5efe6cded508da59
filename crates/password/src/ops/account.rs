//! What password asks users and auth about an account.

use denizen_kit::caller::Permissions;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::internal::v1::EndUserSessionsRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::{CheckAccessRequest, GetContactRequest, ProveMailboxRequest};
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

/// Notes that who resets the password holds the account's mailbox.
pub(super) async fn prove_mailbox(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    let request = ProveMailboxRequest { user_id: user_id.to_string() };
    app.links.directory(cx).prove_mailbox(request).await.map_err(problem_from)?;
    Ok(())
}

/// Lets pass who may themselves do all that the account may.
pub(super) async fn require_reach(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    let request = CheckAccessRequest { user_id: user_id.to_string() };
    let answer = app.links.access(cx).check_access(request).await.map_err(problem_from)?.into_inner();
    let own = cx.person().map_or(Permissions::all(), |person| person.permissions);
    if cx.is_self(user_id) || own.covers(Permissions::from_bits(answer.permissions)) {
        return Ok(());
    }
    let detail = "this account may more than you; somebody with all of its permissions can do this";
    // Within `run`, so that a refusal is recorded.
    Ok(app.db.run(cx, || async { Err(Problem::new(Code::Forbidden, detail)) }).await?)
}

/// Ends a person's sessions, all but one if it is named. Whether they have a second factor.
pub(super) async fn end_sessions(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    except: String,
    reason: &str,
) -> Result<bool> {
    let request = EndUserSessionsRequest {
        user_id: user_id.to_string(),
        except_session_id: except,
        reason: reason.to_owned(),
        forget: false,
    };
    let answer = app.links.sessions(cx).end_user_sessions(request).await.map_err(problem_from)?;
    Ok(answer.into_inner().second_factor)
}

/// Ends the sessions that a login with the old password opened between the first ending and the new hash. The
/// change stands whatever comes of it, so a failure is told in the log only.
pub(super) async fn end_latecomers(app: &App, cx: &Cx, user_id: UserId, except: String, reason: &str) {
    if let Err(error) = end_sessions(app, cx, user_id, except, reason).await {
        tracing::warn!(user.id = %user_id, %error, "sessions begun during a password change could not be ended");
    }
}
