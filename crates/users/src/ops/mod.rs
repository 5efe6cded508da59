//! What users can do: one operation a file.

pub(crate) mod activate_user;
pub(crate) mod block_user;
pub(crate) mod change_email;
pub(crate) mod change_mobile;
pub(crate) mod change_username;
pub(crate) mod confirm_email;
pub(crate) mod confirm_mobile;
pub(crate) mod create_user;
pub(crate) mod data_keys;
pub(crate) mod delete_avatar;
pub(crate) mod delete_user;
mod end_sessions;
pub(crate) mod export_users;
pub(crate) mod get_avatar;
pub(crate) mod get_contact;
pub(crate) mod get_import;
pub(crate) mod get_user;
mod import_rows;
pub(crate) mod import_users;
pub(crate) mod list_users;
pub(crate) mod lookup;
pub(crate) mod open_account;
pub(crate) mod privacy;
mod prove;
pub(crate) mod push_tokens;
pub(crate) mod put_avatar;
mod reach;
pub(crate) mod register;
pub(crate) mod roles;
mod sanction;
pub(crate) mod send_verification;
pub(crate) mod set_roles;
pub(crate) mod suspend_user;
pub(crate) mod sweep_avatars;
pub(crate) mod update_user;
mod view;
pub(crate) mod watch_access;

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::Key;

use crate::App;
use crate::error::{Error, Result};
use crate::model::User;
use crate::store::{self, Sealing};

/// Lets pass, or records the refusal and refuses.
pub(crate) async fn permit(app: &App, cx: &Cx, allowed: Result<(), Problem>) -> Result<()> {
    let Err(refusal) = allowed else { return Ok(()) };
    Ok(app.db.run(cx, || async { Err(refusal.clone()) }).await?)
}

/// The account that an op is about to change, and with what to seal it again. A deleted one is not there.
async fn live_user(tx: &mut Tx, id: UserId, key: &Key) -> Result<User> {
    let user = store::user(tx, id).await?.ok_or(Error::NoSuchUser)?.open(key)?;
    if user.deleted_at.is_some() { Err(Error::NoSuchUser) } else { Ok(user) }
}

/// Refuses to change a profile whose processing is restricted, but to those who may decide on privacy.
fn require_unrestricted(cx: &Cx, user: &User) -> Result<()> {
    if user.restricted_at.is_none() || cx.may(Permission::PrivacyWrite) {
        return Ok(());
    }
    let detail = "the processing of this profile is restricted; lift the restriction first";
    Err(Problem::new(Code::Forbidden, detail).into())
}

/// Whether the account is shown to this caller: one whose processing is restricted only to its owner and to those who
/// may decide on privacy.
fn is_shown(cx: &Cx, user: &User) -> bool {
    user.restricted_at.is_none() || cx.is_self(user.id) || cx.may(Permission::PrivacyWrite)
}

/// Writes the changed account.
async fn save(app: &App, tx: &mut Tx, user: &User, key: &Key) -> Result<()> {
    store::save_user(tx, user, &Sealing { key, keys: &app.keys }).await
}

/// The data key of an account that an op is about to change.
async fn key_of(app: &App, id: UserId) -> Result<Key> {
    app.keys.find(id).await?.ok_or(Error::NoSuchUser)
}
