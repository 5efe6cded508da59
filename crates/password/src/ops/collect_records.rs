//! What is known about a person's password, never a hash, for their archive. Only users may ask.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::privacy::internal::v1::{CollectResponse, Section};
use serde_json::json;

use crate::App;
use crate::error::Result;
use crate::store::records;

/// All of it on one page.
pub(crate) async fn collect_records(app: &App, cx: &Cx, user_id: UserId) -> Result<CollectResponse> {
    cx.require_service(&[Role::Users])?;
    let mut tx = app.db.read().await?;
    let credential = records::credential(&mut tx, user_id).await?;
    let before = records::old_count(&mut tx, user_id).await?;
    let items = credential.map(|(hash, created_at, changed_at)| {
        // `$argon2id$…`: the part between the first two signs names the algorithm.
        let algorithm = hash.split('$').nth(1).unwrap_or_default();
        let item = json!({
            "algorithm": algorithm,
            "created_at": created_at,
            "changed_at": changed_at,
            "passwords_before": before,
        });
        item.to_string()
    });
    let section = Section { name: "password".to_owned(), items: items.into_iter().collect() };
    Ok(CollectResponse { sections: vec![section], next_cursor: String::new() })
}
