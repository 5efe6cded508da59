//! List service accounts, newest first. services:manage.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::{Id, UserId};

use super::permit::permit;
use crate::App;
use crate::error::{Error, Result};
use crate::model::{Cursor, Secret, ServiceAccount};
use crate::store;

/// A page of accounts, each with its secrets.
pub(crate) struct ServiceAccountPage {
    pub(crate) accounts: Vec<(ServiceAccount, Vec<Secret>)>,
    /// Empty on the last page.
    pub(crate) next_cursor: String,
}

/// One page.
pub(crate) async fn list_service_accounts(
    app: &App,
    cx: &Cx,
    limit: i64,
    cursor: &str,
) -> Result<ServiceAccountPage> {
    permit(app, cx, cx.require(Permission::ServicesManage)).await?;
    // The list is nobody's own, so its cursors are bound to nobody.
    let list = UserId::nil();
    let place = Cursor::parse(&app.keys.cursor, list, cursor).ok_or(Error::BadCursor)?;
    let mut tx = app.db.read().await?;
    let mut accounts = store::service_accounts(&mut tx, place, limit + 1).await?;
    let fits = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = accounts.len() > fits;
    accounts.truncate(fits);
    let mut secrets = match (accounts.last(), accounts.first()) {
        (Some(oldest), Some(newest)) => store::secrets_between(&mut tx, oldest.id, newest.id).await?,
        _ => Vec::new(),
    };
    drop(tx);
    let last = accounts.last().filter(|_| has_more).map(|account| Cursor(Id::from_uuid(account.id.uuid())));
    let with_secrets = accounts.into_iter().map(|account| {
        let own = secrets.extract_if(.., |secret| secret.account_id == account.id).collect();
        (account, own)
    });
    Ok(ServiceAccountPage {
        accounts: with_secrets.collect(),
        next_cursor: last.map(|last| last.to_text(&app.keys.cursor, list)).unwrap_or_default(),
    })
}
