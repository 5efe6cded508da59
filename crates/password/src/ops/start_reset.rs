//! Start the reset of another person's password: they get the link or code. Nobody sets or sees it for them (ASVS 6.4.6),
//! and the present one stays until they use it. It is not for the account of somebody who may more than the caller.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, elapsed};
use denizen_rpc::users::internal::v1::GetContactRequest;
use denizen_rpc::users::v1::Status;
use denizen_rpc::{decode, problem_from};

use super::account::require_reach;
use crate::App;
use crate::error::{Error, Result};
use crate::events::ResetDue;
use crate::model::{Channel, Via};
use crate::store::reset::{self, DUE_WINDOW, MOST_DUE};

const METHOD: &str = "password.StartReset";

pub(crate) async fn start_reset(app: &App, cx: &Cx, user_id: &str, via: Via) -> Result<()> {
    // Within `run`, so that a refusal is recorded.
    app.db.run(cx, || async { cx.require(Permission::UsersWrite) }).await?;
    let user_id: UserId = decode::id(user_id)?;
    let request = GetContactRequest { user_id: user_id.to_string() };
    let contact = app.links.directory(cx).get_contact(request).await.map_err(problem_from)?.into_inner();
    if !contact.found {
        return Err(Error::NoSuchUser);
    }
    require_reach(app, cx, user_id).await?;
    if matches!(contact.status(), Status::Blocked | Status::Deleted) {
        return Err(Error::ClosedAccount);
    }
    let write = || async { Ok(write(app, cx, user_id, via).await?) };
    Ok(app.db.run_once(cx, METHOD, write).await?)
}

async fn write(app: &App, cx: &Cx, user_id: UserId, via: Via) -> Result<()> {
    let mut tx = app.db.write().await?;
    if reset::dues(&mut tx, user_id, cx.now()).await? >= MOST_DUE {
        let oldest: Option<Timestamp> = reset::oldest_due(&mut tx, user_id, cx.now()).await?;
        let waited = oldest.map(|oldest| elapsed(oldest, cx.now())).unwrap_or_default();
        return Err(Error::TooManyResets(DUE_WINDOW.saturating_sub(waited)));
    }
    reset::insert_due(&mut tx, cx, user_id).await?;
    tx.emit(cx, ResetDue { user_id, via, channel: Channel::Email });
    tx.commit().await?;
    Ok(())
}
