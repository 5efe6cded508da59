//! Delete a service account; its access tokens are dead at once. services:manage.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::create_service_account::require_covered;
use super::ending::revoke;
use crate::App;
use crate::error::{Error, Result};
use crate::events::ServiceAccountDeleted;
use crate::store;

/// Deletes the account.
pub(crate) async fn delete_service_account(app: &App, cx: &Cx, id: UserId) -> Result<()> {
    cx.require(Permission::ServicesManage)?;
    let mut tx = app.db.write().await?;
    let account = store::service_account(&mut tx, id).await?.ok_or(Error::NoSuchServiceAccount)?;
    require_covered(cx, account.may())?;
    for secret in store::secrets(&mut tx, id).await? {
        store::delete_secret(&mut tx, secret.id).await?;
        revoke(app, cx, &mut tx, secret.id).await?;
    }
    store::delete_service_account(&mut tx, id).await?;
    tx.emit(cx, ServiceAccountDeleted { account_id: id });
    tx.commit().await?;
    Ok(())
}
