//! Remove the second factor: one's own after a fresh proof, another's with users:write. Sessions that were opened with
//! it end, but for the owner's present one.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;

use super::ending::{All, end_all};
use super::permit::permit;
use super::proving::prove;
use super::reach::require_reach;
use crate::App;
use crate::error::{Error, Result};
use crate::events::FactorRemoved;
use crate::store;

/// Removes it with its recovery codes.
pub(crate) async fn remove_factor(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    password: Option<String>,
) -> Result<()> {
    permit(app, cx, cx.require_self_or(user_id, Permission::UsersWrite)).await?;
    let factor = store::factor(&mut app.db.single().await?, user_id).await?;
    if cx.is_self(user_id) {
        if factor.enabled.is_none() && factor.pending.is_none() {
            return Err(Error::NoFactor);
        }
        prove(app, cx, user_id, password, &factor).await?;
    } else {
        require_reach(app, cx, user_id).await?;
    }
    let remove = || async { Ok::<(), Problem>(remove(app, cx, user_id).await?) };
    app.db.run(cx, remove).await?;
    app.feed.ring();
    Ok(())
}

async fn remove(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    let mut tx = app.db.write().await?;
    let factor = store::factor(&mut tx, user_id).await?;
    if factor.enabled.is_none() && factor.pending.is_none() {
        return Err(Error::NoFactor);
    }
    store::forget_factor(&mut tx, user_id).await?;
    if factor.enabled.is_some() {
        let own = cx.person().filter(|person| person.user_id == user_id);
        let present = own.and_then(|person| person.session_id);
        store::raise_epoch(&mut tx, user_id).await?;
        let all = All { user_id, except: present, reason: "second_factor_removed" };
        end_all(app, cx, &mut tx, &all).await?;
        if let Some(id) = present
            && let Some(session) = store::session(&mut tx, id).await?
        {
            let amr: Vec<_> = session.amr.into_iter().filter(|method| method != "mfa").collect();
            store::step_up(&mut tx, id, user_id, session.auth_time, &amr).await?;
        }
        tx.emit(cx, FactorRemoved { user_id, by_admin: own.is_none() });
    }
    tx.commit().await?;
    Ok(())
}
