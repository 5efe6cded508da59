//! All accounts under names that nobody can trace, for statistics: the name is a MAC of the id under a key that is drawn
//! for this answer and forgotten with it, so two answers cannot be joined. Fields are coarse; restricted and deleted
//! accounts are left out. Needs `privacy:write`, and is recorded.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use futures::Stream;
use futures::stream::try_unfold;
use serde_json::{Value, json};

use crate::App;
use crate::error::{Error, Result};
use crate::events::Pseudonymised;
use crate::ops::permit;
use crate::store::exports::{self, Outline, Place};

/// How many accounts one answer of the stream holds.
const PAGE: i64 = 500;

/// The accounts, page by page.
pub(crate) async fn pseudonymise(
    app: &Arc<App>,
    cx: &Cx,
) -> Result<impl Stream<Item = Result<Vec<String>>> + Send + use<>> {
    permit(app, cx, cx.require(Permission::PrivacyWrite)).await?;
    let op = || async {
        let mut tx = app.db.write_relaxed("writes an event only").await?;
        tx.emit(cx, Pseudonymised {});
        Ok(tx.commit().await?)
    };
    app.db.run(cx, op).await?;
    let key = Arc::new(Key::from_bytes(cx.random()));
    let begin = Some((Timestamp::UNIX_EPOCH, UserId::nil()));
    let app = app.clone();
    Ok(try_unfold(begin, move |after| {
        let (app, key) = (app.clone(), key.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let (items, last) = page(&app, &key, after).await?;
            Ok::<_, Error>((!items.is_empty()).then_some((items, last)))
        }
    }))
}

/// The accounts after a place, and the last one's place if there may be more.
async fn page(app: &App, key: &Key, after: Place) -> Result<(Vec<String>, Option<Place>)> {
    let mut tx = app.db.read().await?;
    let outlines = exports::outlines(&mut tx, after, PAGE).await?;
    let Some(last) = outlines.last().map(|last| (last.created_at, last.id)) else {
        return Ok((Vec::new(), None));
    };
    let mut consents: HashMap<UserId, serde_json::Map<String, Value>> = HashMap::new();
    for (user_id, purpose, granted) in exports::consents_between(&mut tx, after, last).await? {
        consents.entry(user_id).or_default().insert(purpose, json!(granted));
    }
    let items = outlines
        .iter()
        .map(|outline| item(key, outline, &consents.remove(&outline.id).unwrap_or_default()).to_string())
        .collect();
    Ok((items, Some(last)))
}

fn item(key: &Key, outline: &Outline, consents: &serde_json::Map<String, Value>) -> Value {
    let mac = key.mac(&[b"pseudonym", outline.id.uuid().as_bytes()]);
    let roles: Vec<&str> = outline.roles.split(',').filter(|role| !role.is_empty()).collect();
    json!({
        "pseudonym": URL_SAFE_NO_PAD.encode(&mac[..16]),
        "status": outline.status,
        "roles": roles,
        "created_on": day(outline.created_at),
        "last_login_week": (outline.last_login_at > Timestamp::UNIX_EPOCH).then(|| week(outline.last_login_at)),
        "locale": outline.locale,
        "email_verified": outline.email_verified,
        "mobile_verified": outline.mobile_verified,
        "consents": consents,
    })
}

fn day(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// The week by ISO 8601, such as `2026-W07`.
fn week(at: Timestamp) -> String {
    let week = at.to_zoned(jiff::tz::TimeZone::UTC).date().iso_week_date();
    format!("{}-W{:02}", week.year(), week.week())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weeks() {
        let at: Timestamp = "2027-01-01T23:59:59Z".parse().unwrap();
        assert_eq!((day(at).as_str(), week(at).as_str()), ("2027-01-01", "2026-W53"));
    }

    #[test]
    fn another_key_gives_another_name_and_no_id_shows() {
        let outline = Outline {
            id: "0192aa00-0000-7000-8000-00000000000a".parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            last_login_at: Timestamp::UNIX_EPOCH,
            status: "active".to_owned(),
            roles: "user".to_owned(),
            locale: "en".to_owned(),
            email_verified: true,
            mobile_verified: false,
        };
        let shown = |key| item(&Key::from_bytes([key; 32]), &outline, &serde_json::Map::new());
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1)["pseudonym"], shown(2)["pseudonym"]);
        assert!(!shown(1).to_string().contains("0192aa00") && shown(1)["last_login_week"].is_null());
    }
}
