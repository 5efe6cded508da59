//! What a person agrees to, and how that changed: one's own, or another's with `privacy:write`.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::model::consent::Consent;
use crate::ops::permit;
use crate::ops::view::note_view;
use crate::rpc::cursor::{self, Place};
use crate::store::consents::{self, Change};

/// The consents, by purpose.
pub(crate) async fn list_consents(app: &App, cx: &Cx, id: UserId) -> Result<Vec<Consent>> {
    enter(app, cx, id).await?;
    let mut tx = app.db.read().await?;
    if !consents::is_live(&mut tx, id).await? {
        return Err(Error::NoSuchUser);
    }
    consents::consents(&mut tx, id).await
}

/// A page of changes, newest first, and where the next begins.
pub(crate) async fn list_changes(
    app: &App,
    cx: &Cx,
    id: UserId,
    limit: i64,
    cursor: &str,
) -> Result<(Vec<Change>, String)> {
    enter(app, cx, id).await?;
    let context = format!("consents {id}");
    let after = cursor::read(app.keys.pages(), &context, cursor)?;
    let before = after.map_or(Uuid::max(), |place| place.id.uuid());
    let mut tx = app.db.read().await?;
    if !consents::is_live(&mut tx, id).await? {
        return Err(Error::NoSuchUser);
    }
    let mut changes = consents::changes(&mut tx, id, before, limit + 1).await?;
    drop(tx);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = changes.len() > limit;
    changes.truncate(limit);
    let next = changes.last().filter(|_| has_more).map(|last| {
        let place = Place { key: String::new(), id: UserId::from_uuid(last.id) };
        cursor::write(app.keys.pages(), &context, &place)
    });
    Ok((changes, next.unwrap_or_default()))
}

async fn enter(app: &App, cx: &Cx, id: UserId) -> Result<()> {
    permit(app, cx, cx.require_self_or(id, Permission::PrivacyWrite)).await?;
    if !cx.is_self(id) {
        note_view(app, cx, Some(id), 1).await;
    }
    Ok(())
}
