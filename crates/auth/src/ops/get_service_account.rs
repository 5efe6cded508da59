//! Show a service account: to itself, and with services:manage.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::permit::permit;
use crate::App;
use crate::error::{Error, Result};
use crate::model::{Secret, ServiceAccount};
use crate::store;

/// The account and its secrets.
pub(crate) async fn get_service_account(
    app: &App,
    cx: &Cx,
    id: UserId,
) -> Result<(ServiceAccount, Vec<Secret>)> {
    permit(app, cx, cx.require_self_or(id, Permission::ServicesManage)).await?;
    let mut tx = app.db.read().await?;
    let account = store::service_account(&mut tx, id).await?.ok_or(Error::NoSuchServiceAccount)?;
    let secrets = store::secrets(&mut tx, id).await?;
    Ok((account, secrets))
}
