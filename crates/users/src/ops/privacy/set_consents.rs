//! Note what a person agrees to, or no longer does: oneself, or for another with `privacy:write`. Each change stays in
//! the history until the account is erased; what is said again is no change.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::users::v1 as wire;

use crate::App;
use crate::error::{Error, Result};
use crate::events::ConsentChanged;
use crate::model::consent::{Consent, Wish};
use crate::ops::permit;
use crate::ops::reach::require_reach_to;
use crate::store::consents::{self, Change};

/// How many purposes one person has at most.
const MOST: usize = 50;

/// Notes the consents; all that the person has then.
pub(crate) async fn set_consents(
    app: &App,
    cx: &Cx,
    id: UserId,
    wishes: &[Wish],
) -> Result<wire::ListConsentsResponse> {
    permit(app, cx, cx.require_self_or(id, Permission::PrivacyWrite)).await?;
    let op = || async { Ok(crate::rpc::consents(&write(app, cx, id, wishes).await?)) };
    Ok(app.db.run_once(cx, "users.SetConsents", op).await?)
}

async fn write(app: &App, cx: &Cx, id: UserId, wishes: &[Wish]) -> Result<Vec<Consent>> {
    let mut tx = app.db.write().await?;
    if !consents::is_live(&mut tx, id).await? {
        return Err(Error::NoSuchUser);
    }
    require_reach_to(&mut tx, cx, id).await?;
    let before = consents::consents(&mut tx, id).await?;
    let is_known = |wish: &&Wish| before.iter().any(|consent| consent.wish.purpose == wish.purpose);
    if before.len() + wishes.iter().filter(|wish| !is_known(wish)).count() > MOST {
        let detail = format!("a person has at most {MOST} purposes; use those there are");
        return Err(Problem::invalid("", "too_many", detail).into());
    }
    for wish in wishes.iter().filter(|wish| !before.iter().any(|consent| consent.wish == **wish)) {
        let consent = Consent { wish: wish.clone(), at: cx.now() };
        let change = Change { id: cx.uuid(), consent, by: cx.caller().actor() };
        consents::set_consent(&mut tx, id, &change).await?;
        let Wish { purpose, granted, version } = wish.clone();
        tx.emit(cx, ConsentChanged { user_id: id, purpose, granted, version });
    }
    let after = consents::consents(&mut tx, id).await?;
    tx.commit().await?;
    Ok(after)
}
