//! Get an import: how far it has come.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;

use super::permit;
use crate::App;
use crate::error::Result;
use crate::store::imports::{self, Progress};

/// How far the import has come.
pub(crate) async fn get_import(app: &App, cx: &Cx, id: &str) -> Result<Progress> {
    permit(app, cx, cx.require(Permission::UsersWrite)).await?;
    let found = imports::progress(&mut app.db.single().await?, id).await?;
    found.ok_or_else(|| Problem::not_found("no import of this name has begun").into())
}
