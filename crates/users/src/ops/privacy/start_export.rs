//! Order an archive of everything held about a person: oneself after a fresh proof, or for another with
//! `privacy:write`. A job makes it. There is one at a time for each person; asking meanwhile answers the same one.

use std::time::Duration;

use denizen_cache::Quota;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::after;
use denizen_rpc::users::v1 as wire;

use super::get_export::answer;
use crate::App;
use crate::error::{Error, Result};
use crate::events::ExportOrdered;
use crate::ops::{permit, prove::prove};
use crate::store::consents;
use crate::store::exports::{self, Export};

/// How many archives one person may order: five a day.
const QUOTA: Quota = Quota { limit: 5, window: Duration::from_secs(86_400), burst: 5 };

/// How long an order is kept that comes to nothing.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// Orders the archive, or answers the one that is being made.
pub(crate) async fn start_export(
    app: &App,
    cx: &Cx,
    id: UserId,
    password: Option<&str>,
) -> Result<wire::Export> {
    permit(app, cx, cx.require_self_or(id, Permission::PrivacyWrite)).await?;
    if !consents::is_live(&mut app.db.single().await?, id).await? {
        return Err(Error::NoSuchUser);
    }
    if cx.is_self(id) {
        prove(app, cx, id, password).await?;
    }
    if let Some(pending) = exports::pending(&mut app.db.single().await?, id).await? {
        return Ok(answer(app, cx, &pending));
    }
    let verdict = app.cache.limit(&format!("exports:{id}"), &QUOTA).await;
    if !verdict.allowed {
        let detail = "five archives a day are the limit; download the one that is there";
        return Err(Problem::new(Code::RateLimited, detail).retry_in(verdict.retry_after).into());
    }
    let op = || async { Ok(write(app, cx, id).await?) };
    Ok(app.db.run_once(cx, "users.StartExport", op).await?)
}

async fn write(app: &App, cx: &Cx, id: UserId) -> Result<wire::Export> {
    let mut tx = app.db.write().await?;
    if !consents::is_live(&mut tx, id).await? {
        return Err(Error::NoSuchUser);
    }
    if let Some(pending) = exports::pending(&mut tx, id).await? {
        return Ok(answer(app, cx, &pending));
    }
    let export = Export {
        id: cx.id(),
        user_id: id,
        created_at: cx.now(),
        attempts: 0,
        size: 0,
        ready_at: None,
        failed_at: None,
        expires_at: after(cx.now(), KEPT),
    };
    exports::insert(&mut tx, &export).await?;
    tx.emit(cx, ExportOrdered { user_id: id, export_id: export.id });
    tx.commit().await?;
    Ok(answer(app, cx, &export))
}
