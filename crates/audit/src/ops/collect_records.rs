//! The entries about a person and of what they did, for their archive. Only users may ask. The address of somebody else
//! who acted on the person is that one's, and left out.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::privacy::internal::v1::{CollectResponse, Section};
use serde_json::{Value, json};

use crate::App;
use crate::error::{Error, Result};
use crate::model::Content;
use crate::store::Entry;
use crate::store::records::{about, by};

/// Entries on one page.
const PAGE: i64 = 200;

/// A page of entries; the cursor is `about:` or `by:` with the seq of the last one before.
pub(crate) async fn collect_records(
    app: &App,
    cx: &Cx,
    person: UserId,
    cursor: &str,
) -> Result<CollectResponse> {
    cx.require_service(&[Role::Users])?;
    let (walk, before) = read(cursor).ok_or_else(|| Error::Field {
        pointer: "/cursor",
        code: "invalid",
        detail: "send next_cursor as it came".to_owned(),
    })?;
    let mut tx = app.db.single().await?;
    let entries = match walk {
        "about" => about(&mut tx, person, before, PAGE).await?,
        _ => by(&mut tx, person, before, PAGE).await?,
    };
    drop(tx);
    let is_full = i64::try_from(entries.len()).is_ok_and(|count| count == PAGE);
    let next_cursor = match (walk, entries.last().filter(|_| is_full)) {
        (walk, Some(last)) => format!("{walk}:{}", last.seq),
        ("about", None) => format!("by:{}", i64::MAX),
        (_, None) => String::new(),
    };
    let shown: Vec<&Entry> =
        entries.iter().filter(|entry| walk == "about" || entry.content.subject != Some(person)).collect();
    let contents: Vec<&Content> = shown.iter().map(|entry| &entry.content).collect();
    let addresses = app.keys.open(cx, &contents).await?;
    let items = shown.iter().zip(addresses).map(|(entry, ip)| item(entry, person, ip)).collect();
    Ok(CollectResponse { sections: vec![Section { name: "entries".to_owned(), items }], next_cursor })
}

fn read(cursor: &str) -> Option<(&'static str, i64)> {
    if cursor.is_empty() {
        return Some(("about", i64::MAX));
    }
    let (walk, seq) = cursor.split_once(':')?;
    let walk = ["about", "by"].into_iter().find(|known| *known == walk)?;
    Some((walk, seq.parse().ok()?))
}

fn item(entry: &Entry, person: UserId, ip: Option<String>) -> String {
    let content = &entry.content;
    let details: Value = serde_json::from_str(&content.details).unwrap_or_default();
    let item = json!({
        "id": content.id,
        "seq": entry.seq,
        "at": content.at,
        "action": content.action,
        "actor": content.actor,
        "subject": content.subject,
        "ip": ip.filter(|_| content.ip_owner == Some(person)),
        "request_id": content.request_id,
        "result": content.result,
        "details": details,
    });
    item.to_string()
}
