//! The messages to a person, for their archive. Only users may ask.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::{Id, UserId};
use denizen_kit::problem::Problem;
use denizen_rpc::decode;
use denizen_rpc::privacy::internal::v1::{CollectResponse, Section};
use serde_json::json;
use uuid::Uuid;

use super::list_messages::open;
use crate::App;
use crate::error::Result;
use crate::store::records;

/// Messages on one page.
const PAGE: i64 = 200;

/// A page of messages, on the first one also what was caught in development; the cursor is the id of the last one before.
pub async fn collect_records(app: &App, cx: &Cx, user_id: UserId, cursor: &str) -> Result<CollectResponse> {
    cx.require_service(&[Role::Users])?;
    let after = decode::optional_id(cursor)?;
    let before = after.unwrap_or_else(|| Id::from_uuid(Uuid::max()));
    let messages = records::records(&mut app.db.single().await?, user_id, before, PAGE).await?;
    let is_full = i64::try_from(messages.len()).is_ok_and(|count| count == PAGE);
    let next_cursor = messages.last().filter(|_| is_full).map(|last| last.id.to_string()).unwrap_or_default();
    let items =
        messages.iter().map(serde_json::to_string).collect::<Result<_, _>>().map_err(Problem::internal)?;
    let mut sections = vec![Section { name: "messages".to_owned(), items }];
    if after.is_none() {
        sections.push(Section { name: "mailbox".to_owned(), items: caught(app, cx, user_id).await? });
    }
    Ok(CollectResponse { sections, next_cursor })
}

async fn caught(app: &App, cx: &Cx, user_id: UserId) -> Result<Vec<String>> {
    let rows = records::caught_of(&mut app.db.single().await?, user_id).await?;
    let Some(key) = app.keys.ring.get(cx, user_id).await? else { return Ok(Vec::new()) };
    let opened = rows.iter().filter_map(|row| {
        let letter = open(&key, row)?;
        let (to, subject, text) = (letter.to, letter.subject, letter.text);
        let item =
            json!({ "id": row.id, "created_at": row.created_at, "to": to, "subject": subject, "text": text });
        Some(item.to_string())
    });
    Ok(opened.collect())
}
