//! Change the fields of a profile that are set. Addresses go the way of their own change.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;

use super::change_email::{self, EmailChange};
use super::change_mobile::{self, MobileChange};
use super::reach::require_reach;
use super::send_verification::limit_messages;
use super::{key_of, live_user, permit, prove::prove, require_unrestricted, save};
use crate::App;
use crate::error::Result;
use crate::events::{UserUpdated, UsernameChanged};
use crate::model::{Metadata, Name, PreferencesPatch, User, Username};
use denizen_kit::problem::Problem;
use denizen_rpc::users::v1 as wire;

/// Name under which the reply is kept.
const METHOD: &str = "users.UpdateUser";

/// What becomes of the user name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum UsernameChange {
    /// It is this one from now on.
    To(Username),
    /// There is none any more.
    Remove,
}

/// The fields to change; unset ones stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Update {
    pub(crate) if_version: Option<i64>,
    pub(crate) name: Option<Name>,
    pub(crate) username: Option<UsernameChange>,
    pub(crate) preferences: Option<PreferencesPatch>,
    pub(crate) metadata: Option<serde_json::Value>,
    /// Whether metadata is the whole, not a merge patch.
    pub(crate) replace: bool,
    pub(crate) email: Option<EmailChange>,
    pub(crate) mobile: Option<MobileChange>,
    pub(crate) password: Option<String>,
}

/// Changes the account of the owner, or another's with `users:write`. A new address of the owner starts its
/// verified change; from a holder of the permission it takes effect at once.
pub(crate) async fn update_user(app: &App, cx: &Cx, id: UserId, update: &Update) -> Result<wire::User> {
    permit(app, cx, cx.require_self_or(id, Permission::UsersWrite)).await?;
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let key = key_of(app, id).await?;
    let sensitive = update.email.is_some() || update.mobile.is_some();
    if sensitive && cx.is_self(id) {
        let moved = moved_addresses(app, id, update, &key).await?;
        if moved != Moved::None {
            prove(app, cx, id, update.password.as_deref()).await?;
        }
        if moved == Moved::ToAnother {
            limit_messages(app, id).await?;
        }
    }
    let op = || async { Ok(write(app, cx, id, update, &key).await?) };
    Ok(app.db.run_once(cx, METHOD, op).await?)
}

/// What a change does to the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    /// None differs from the one in force: a body that was read and sent back.
    None,
    /// One goes, and no message has to go out before.
    Away,
    /// One is to be proved: a message goes to it.
    ToAnother,
}

async fn moved_addresses(app: &App, id: UserId, update: &Update, key: &Key) -> Result<Moved> {
    let mut tx = app.db.single().await?;
    let user = live_user(&mut tx, id, key).await?;
    user.require_version(update.if_version)?;
    let email = update.email.as_ref().is_some_and(|change| change.email != user.email);
    let mobile = update.mobile.as_ref().is_some_and(|change| change.asks_proof(&user));
    if email || mobile {
        return Ok(Moved::ToAnother);
    }
    let removed = update.mobile.as_ref().is_some_and(|change| change.removes(&user));
    Ok(if removed { Moved::Away } else { Moved::None })
}

async fn write(app: &App, cx: &Cx, id: UserId, update: &Update, key: &Key) -> Result<wire::User> {
    let mut tx = app.db.write().await?;
    let before = live_user(&mut tx, id, key).await?;
    require_reach(&mut tx, cx, &before).await?;
    before.require_version(update.if_version)?;
    require_unrestricted(cx, &before)?;
    let mut user = before.clone();
    let fields = apply(&mut user, update)?;
    if !fields.is_empty() {
        tx.emit(cx, UserUpdated { user_id: id, fields });
    }
    if user.username != before.username {
        tx.emit(cx, UsernameChanged { user_id: id, removed: user.username.is_none() });
    }
    if let Some(change) = &update.email {
        change_email::apply(app, cx, &mut tx, (&mut user, key), change).await?;
    }
    if let Some(change) = &update.mobile {
        change_mobile::apply(app, cx, &mut tx, (&mut user, key), change).await?;
    }
    if user != before {
        user = user.touched(cx.now());
        save(app, &mut tx, &user, key).await?;
    }
    tx.commit().await?;
    Ok(crate::rpc::encode(&user, cx))
}

/// Sets the plain fields and names those that changed.
fn apply(user: &mut User, update: &Update) -> Result<Vec<&'static str>, Problem> {
    let before = user.clone();
    if let Some(name) = &update.name {
        user.name = name.clone();
    }
    match &update.username {
        // The name that one has can be sent back, reserved or not.
        Some(UsernameChange::To(username))
            if username.is_reserved()
                && before.username.as_ref().map(Username::key) != Some(username.key()) =>
        {
            let detail = "this user name is reserved; choose another";
            return Err(Problem::invalid("/username", "reserved", detail));
        }
        Some(UsernameChange::To(username)) => user.username = Some(username.clone()),
        Some(UsernameChange::Remove) => user.username = None,
        None => {}
    }
    if let Some(patch) = &update.preferences {
        user.preferences = user.preferences.clone().patched(patch);
    }
    if let Some(metadata) = &update.metadata {
        let patched =
            if update.replace { Ok(Metadata::of(metadata)) } else { user.metadata.patched(metadata) };
        user.metadata = patched.map_err(|reason| Problem::invalid("/metadata", "invalid", reason))?;
    }
    let changed = [
        ("name", user.name != before.name),
        ("preferences", user.preferences != before.preferences),
        ("metadata", user.metadata != before.metadata),
    ];
    Ok(changed.into_iter().filter(|(_, changed)| *changed).map(|(field, _)| field).collect())
}
