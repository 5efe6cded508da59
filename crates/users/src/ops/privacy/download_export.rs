//! Hand out an archive: to whoever has the token of its address while that holds, to its owner, or to a holder of
//! `privacy:write`. Each download is recorded before the first byte.

use bytes::Bytes;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::place;

use super::build_export::{PLACE, name_of};
use crate::App;
use crate::error::{Error, Result};
use crate::events::ExportDownloaded;
use crate::ops::permit;
use crate::store::exports::{self, ExportId};

/// The archive, opened.
pub(crate) async fn download_export(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    id: ExportId,
    token: &str,
) -> Result<Bytes> {
    if token.is_empty() {
        permit(app, cx, cx.require_self_or(user_id, Permission::PrivacyWrite)).await?;
    } else if !app.keys.opens_export(user_id, id.uuid(), token, cx.now()) {
        return Err(Error::ExportTokenInvalid);
    }
    let found = exports::export(&mut app.db.single().await?, id, user_id).await?;
    let export = found.filter(|export| export.ready_at.is_some() && export.expires_at > cx.now());
    let export = export.ok_or(Error::NoSuchExport)?;
    let key = app.keys.find(user_id).await?.ok_or(Error::NoSuchExport)?;
    let sealed = app.objects.get(&name_of(user_id, export.id)).await?.ok_or(Error::NoSuchExport)?;
    let archive = key.open(&place(user_id, PLACE), &sealed)?;
    let op = || async {
        let mut tx = app.db.write_relaxed("writes an event only").await?;
        tx.emit(cx, ExportDownloaded { user_id, export_id: export.id });
        Ok(tx.commit().await?)
    };
    app.db.run(cx, op).await?;
    Ok(archive.into())
}
