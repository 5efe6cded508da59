//! Let an address or a network in again.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::events::IpUnblocked;
use crate::store::blocks;

pub(crate) async fn delete_ip_block(app: &App, cx: &Cx, id: Uuid) -> Result<()> {
    cx.require(Permission::IpsManage)?;
    let mut tx = app.db.write().await?;
    if !blocks::lift(&mut tx, id, cx.now()).await? {
        return Err(Error::NoSuchBlock);
    }
    tx.emit(cx, IpUnblocked { block_id: id });
    tx.commit().await?;
    Ok(())
}
