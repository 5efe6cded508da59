//! Change the mobile number: like the e-mail address, proved by SMS.

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;

use crate::App;
use crate::error::Result;
use crate::events::{MobileChangeRequested, MobileChanged};
use crate::model::{Mobile, User};
use crate::store;

/// A new mobile number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MobileChange {
    pub(crate) mobile: Mobile,
    /// Whether the proof of the number in force is wanted too; a profile that is sent back wants none.
    pub(crate) prove_again: bool,
}

impl MobileChange {
    /// Whether a message must go out for it.
    pub(super) fn asks_proof(&self, user: &User) -> bool {
        let same = user.mobile.as_ref() == Some(&self.mobile);
        !same || (self.prove_again && user.mobile_verified_at.is_none())
    }
}

/// Starts the change, or makes it. A number in force that was never proved is proved the same way.
pub(crate) async fn apply(
    app: &App,
    cx: &Cx,
    tx: &mut Tx,
    user: &mut User,
    change: &MobileChange,
) -> Result<()> {
    let same = user.mobile.as_ref() == Some(&change.mobile);
    if !change.asks_proof(user) {
        return Ok(());
    }
    let holder = store::mobile_holder(tx, app.keys.blind("mobile", change.mobile.as_str())).await?;
    if holder.is_some_and(|holder| holder != user.id) {
        return Err(denizen_db::Error::Duplicate("users.mobile_index".into()).into());
    }
    if cx.may(Permission::UsersWrite) && !cx.is_self(user.id) {
        if !same {
            tx.emit(cx, MobileChanged { user_id: user.id });
            user.mobile = Some(change.mobile.clone());
            user.mobile_verified_at = None;
            user.pending_mobile = None;
        }
        return Ok(());
    }
    user.pending_mobile = Some(change.mobile.clone());
    tx.emit(cx, MobileChangeRequested { user_id: user.id });
    Ok(())
}
