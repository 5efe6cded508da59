//! Change the e-mail address: the old one stays in force until the new one is proved. From a holder of
//! `users:write` on another's account it takes effect at once.

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::seal::Key;

use crate::App;
use crate::error::Result;
use crate::events::{EmailChangeRequested, EmailChanged};
use crate::model::{Email, User};
use crate::store;

/// A new e-mail address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EmailChange {
    pub(crate) email: Email,
}

/// Starts the change, or makes it.
pub(crate) async fn apply(
    app: &App,
    cx: &Cx,
    tx: &mut Tx,
    (user, key): (&mut User, &Key),
    change: &EmailChange,
) -> Result<()> {
    if change.email == user.email {
        return Ok(());
    }
    let index = app.keys.blind("email", change.email.canonical());
    let holder = store::email_holder(tx, index).await?;
    if holder.is_some_and(|holder| holder != user.id) {
        return Err(denizen_db::Error::Duplicate("users.email_index".into()).into());
    }
    if cx.may(Permission::UsersWrite) && !cx.is_self(user.id) {
        let old_email_sealed = Some(store::sealed_email(user, key));
        tx.emit(cx, EmailChanged { user_id: user.id, old_email_sealed, verify_email: true });
        user.email = change.email.clone();
        user.email_verified_at = None;
        user.pending_email = None;
        return Ok(());
    }
    user.pending_email = Some(change.email.clone());
    tx.emit(cx, EmailChangeRequested { user_id: user.id });
    Ok(())
}
