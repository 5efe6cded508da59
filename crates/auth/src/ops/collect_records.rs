//! What is held about a person, opened, for their archive. Only users may ask.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::{Id, SessionId, UserId};
use denizen_kit::seal::Key;
use denizen_rpc::place;
use denizen_rpc::privacy::internal::v1::{CollectResponse, Section};
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::error::Result;
use crate::store::{self, Record};

/// Sessions on one page.
const PAGE: i64 = 200;

/// A page of the person's sessions, on the first one also the second factor; the cursor is the id of the last one before.
pub(crate) async fn collect_records(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    after: Option<SessionId>,
) -> Result<CollectResponse> {
    cx.require_service(&[Role::Users])?;
    let before = after.unwrap_or_else(|| Id::from_uuid(Uuid::max()));
    let records = store::records(&mut app.db.single().await?, user_id, before, PAGE).await?;
    let key = app.keys.people.get(cx, user_id).await?;
    let is_full = i64::try_from(records.len()).is_ok_and(|count| count == PAGE);
    let next_cursor = records.last().filter(|_| is_full).map(|last| last.id.to_string()).unwrap_or_default();
    let items = records.iter().map(|record| item(user_id, record, key.as_ref())).collect();
    let mut sections = vec![Section { name: "sessions".to_owned(), items }];
    if after.is_none() {
        sections.push(Section { name: "second_factor".to_owned(), items: factor(app, user_id).await? });
    }
    Ok(CollectResponse { sections, next_cursor })
}

/// The second factor, if there is one.
async fn factor(app: &App, user_id: UserId) -> Result<Vec<String>> {
    let mut tx = app.db.read().await?;
    let Some((channel, enabled_at)) = store::factor(&mut tx, user_id).await?.enabled else {
        return Ok(Vec::new());
    };
    let left = store::recovery_codes_left(&mut tx, user_id).await?;
    let item = json!({ "channel": channel.as_str(), "enabled_at": enabled_at, "recovery_codes_left": left });
    Ok(vec![item.to_string()])
}

fn item(user_id: UserId, record: &Record, key: Option<&Key>) -> String {
    let open = |what: &str, sealed: &Option<Vec<u8>>| {
        key.zip(sealed.as_ref()).and_then(|(key, sealed)| key.open_text(&place(user_id, what), sealed).ok())
    };
    let item = json!({
        "id": record.id,
        "created_at": record.created_at,
        "last_seen_at": record.last_seen_at,
        "expires_at": record.expires_at,
        "ended_at": record.ended_at,
        "end_reason": record.end_reason,
        "ip": open("sessions/ip", &record.ip_sealed),
        "user_agent": open("sessions/user_agent", &record.user_agent_sealed),
        "amr": record.amr.split_whitespace().collect::<Vec<_>>(),
        "auth_time": record.auth_time,
    });
    item.to_string()
}
