//! Restrict the processing of a profile (GDPR, article 18), or let it go on: oneself, or for another with
//! `privacy:write`. While it is restricted the profile is kept and shown to its owner and to holders of `privacy:write`;
//! nobody else changes or sees it, and only messages that security needs are sent.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::decode::to_wire;
use denizen_rpc::users::v1 as wire;

use crate::App;
use crate::error::{Error, Result};
use crate::events::RestrictionChanged;
use crate::ops::permit;
use crate::ops::reach::require_reach_to;
use crate::ops::view::note_view;
use crate::store::consents;

/// Restricts the account or lifts the restriction. What an administrator restricted its owner cannot lift.
pub(crate) async fn set_restriction(
    app: &App,
    cx: &Cx,
    id: UserId,
    restricted: bool,
) -> Result<wire::Restriction> {
    permit(app, cx, cx.require_self_or(id, Permission::PrivacyWrite)).await?;
    let op = || async { Ok(write(app, cx, id, restricted).await?) };
    Ok(app.db.run_once(cx, "users.SetRestriction", op).await?)
}

/// Whether the account is restricted, and since when.
pub(crate) async fn get_restriction(app: &App, cx: &Cx, id: UserId) -> Result<wire::Restriction> {
    permit(app, cx, cx.require_self_or(id, Permission::PrivacyWrite)).await?;
    let found = consents::restriction(&mut app.db.single().await?, id).await?;
    let (since, _) = found.ok_or(Error::NoSuchUser)?;
    if !cx.is_self(id) {
        note_view(app, cx, Some(id), 1).await;
    }
    Ok(answer(id, since))
}

async fn write(app: &App, cx: &Cx, id: UserId, restricted: bool) -> Result<wire::Restriction> {
    let mut tx = app.db.write().await?;
    require_reach_to(&mut tx, cx, id).await?;
    let (since, by) = consents::restriction(&mut tx, id).await?.ok_or(Error::NoSuchUser)?;
    if since.is_some() == restricted {
        return Ok(answer(id, since));
    }
    let by_owner = by.is_none_or(|by| by == id.to_string());
    if !restricted && !by_owner && !cx.may(Permission::PrivacyWrite) {
        let detail = "an administrator restricted this account; only a holder of privacy:write can lift that";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let since = restricted.then(|| cx.now());
    let actor = cx.caller().actor();
    consents::restrict(&mut tx, id, since.map(|at| (at, actor.as_str()))).await?;
    tx.emit(cx, RestrictionChanged { user_id: id, restricted });
    tx.commit().await?;
    Ok(answer(id, since))
}

fn answer(id: UserId, since: Option<denizen_kit::time::Timestamp>) -> wire::Restriction {
    wire::Restriction { user_id: id.to_string(), restricted: since.is_some(), since: since.map(to_wire) }
}
