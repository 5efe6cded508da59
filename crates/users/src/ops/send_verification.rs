//! Send the proof of the e-mail address again. The newer one ends the older.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::users::v1 as wire;

use super::{key_of, live_user, permit};
use crate::App;
use crate::error::{Error, Result};
use crate::events::{EmailChangeRequested, EmailVerificationRequested};
use crate::model::User;

/// Name under which the reply is kept.
const METHOD: &str = "users.SendVerification";

/// Asks for another message, to the pending address if there is one. Nothing when all is proved already.
pub(crate) async fn send_verification(app: &App, cx: &Cx, id: UserId) -> Result<wire::User> {
    permit(app, cx, cx.require_self(id)).await?;
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let key = key_of(app, id).await?;
    let user = {
        let mut tx = app.db.single().await?;
        live_user(&mut tx, id, &key).await?
    };
    if waits(&user) {
        limit_messages(app, id).await?;
    }
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let user = live_user(&mut tx, id, &key).await?;
        if user.pending_email.is_some() {
            tx.emit(cx, EmailChangeRequested { user_id: id });
        } else if waits(&user) {
            tx.emit(cx, EmailVerificationRequested { user_id: id });
        }
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    Ok(app.db.run_once(cx, METHOD, op).await?)
}

/// Whether an address of the account waits for proof.
const fn waits(user: &User) -> bool {
    user.pending_email.is_some() || user.email_verified_at.is_none()
}

/// Refuses more than five messages an hour to addresses that a person names: mailboxes and phones of others are not to
/// be flooded through us.
pub(super) async fn limit_messages(app: &App, id: UserId) -> Result<()> {
    let quota = denizen_cache::Quota { limit: 5, window: std::time::Duration::from_secs(3600), burst: 5 };
    let verdict = app.cache.limit(&format!("address-messages:{id}"), &quota).await;
    if !verdict.allowed {
        let problem =
            Problem::new(Code::RateLimited, "five messages an hour are the limit; look into your mail first");
        return Err(problem.retry_in(verdict.retry_after).into());
    }
    Ok(())
}
