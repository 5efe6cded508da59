//! How an archive is doing, and the address under which it is for a short time: one's own, or another's with
//! `privacy:write`.

use std::time::Duration;

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::after;
use denizen_rpc::decode::to_wire;
use denizen_rpc::users::v1 as wire;

use crate::App;
use crate::error::{Error, Result};
use crate::ops::permit;
use crate::store::exports::{self, Export, ExportId};

/// How long the address of an archive opens it.
const OPEN: Duration = Duration::from_secs(15 * 60);

/// The archive's state.
pub(crate) async fn get_export(app: &App, cx: &Cx, user_id: UserId, id: ExportId) -> Result<wire::Export> {
    permit(app, cx, cx.require_self_or(user_id, Permission::PrivacyWrite)).await?;
    let found = exports::export(&mut app.db.single().await?, id, user_id).await?;
    Ok(answer(app, cx, &found.ok_or(Error::NoSuchExport)?))
}

/// The archive as it goes out, with the token that opens it when it is there.
pub(super) fn answer(app: &App, cx: &Cx, export: &Export) -> wire::Export {
    let now = cx.now();
    let (status, token) = match export {
        Export { failed_at: Some(_), .. } => (wire::ExportStatus::Failed, String::new()),
        Export { ready_at: Some(_), expires_at, .. } if *expires_at <= now => {
            (wire::ExportStatus::Expired, String::new())
        }
        Export { ready_at: Some(_), expires_at, .. } => {
            let until = after(now, OPEN).min(*expires_at);
            (wire::ExportStatus::Ready, app.keys.export_token(export.user_id, export.id.uuid(), until))
        }
        _ => (wire::ExportStatus::Pending, String::new()),
    };
    wire::Export {
        export_id: export.id.to_string(),
        user_id: export.user_id.to_string(),
        status: status.into(),
        created_at: Some(to_wire(export.created_at)),
        expires_at: export.ready_at.map(|_| to_wire(export.expires_at)),
        size: export.size,
        token,
    }
}
