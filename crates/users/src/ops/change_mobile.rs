//! Change the mobile number: like the e-mail address, proved by SMS. Or take it away.

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::seal::Key;

use crate::App;
use crate::error::Result;
use crate::events::{MobileChangeRequested, MobileChanged};
use crate::model::{Mobile, User};
use crate::store;

/// What becomes of the mobile number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MobileChange {
    /// It is this one from now on, once it is proved.
    To {
        mobile: Mobile,
        /// Whether the proof of the number in force is wanted too; a profile that is sent back wants none.
        prove_again: bool,
    },
    /// There is none any more.
    Remove,
}

impl MobileChange {
    /// Whether a message must go out for it.
    pub(super) fn asks_proof(&self, user: &User) -> bool {
        match self {
            Self::To { mobile, prove_again } => {
                let same = user.mobile.as_ref() == Some(mobile);
                !same || (*prove_again && user.mobile_verified_at.is_none())
            }
            Self::Remove => false,
        }
    }

    /// Whether it takes a number from the account.
    pub(super) fn removes(&self, user: &User) -> bool {
        *self == Self::Remove && user.mobile.is_some()
    }
}

/// Starts the change, or makes it. A number in force that was never proved is proved the same way.
pub(crate) async fn apply(
    app: &App,
    cx: &Cx,
    tx: &mut Tx,
    (user, key): (&mut User, &Key),
    change: &MobileChange,
) -> Result<()> {
    let MobileChange::To { mobile, .. } = change else {
        user.pending_mobile = None;
        put(cx, tx, (user, key), None);
        return Ok(());
    };
    if !change.asks_proof(user) {
        return Ok(());
    }
    let holder = store::mobile_holder(tx, app.keys.blind("mobile", mobile.as_str())).await?;
    if holder.is_some_and(|holder| holder != user.id) {
        return Err(denizen_db::Error::Duplicate("users.mobile_index".into()).into());
    }
    if cx.may(Permission::UsersWrite) && !cx.is_self(user.id) {
        if user.mobile.as_ref() != Some(mobile) {
            user.pending_mobile = None;
            put(cx, tx, (user, key), Some(mobile.clone()));
        }
        return Ok(());
    }
    user.pending_mobile = Some(mobile.clone());
    tx.emit(cx, MobileChangeRequested { user_id: user.id });
    Ok(())
}

/// Puts another number into force, or none; the one before is told.
pub(super) fn put(cx: &Cx, tx: &mut Tx, (user, key): (&mut User, &Key), mobile: Option<Mobile>) {
    if user.mobile == mobile {
        return;
    }
    let old_mobile_sealed = store::sealed_mobile(user, key);
    tx.emit(cx, MobileChanged { user_id: user.id, old_mobile_sealed, removed: mobile.is_none() });
    user.mobile = mobile;
    user.mobile_verified_at = None;
}
