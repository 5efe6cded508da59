//! Export users: a page of accounts in the form that an import takes. Deleted accounts are left out.

use std::collections::HashMap;

use denizen_kit::caller::{Permission, Role};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use denizen_rpc::password::internal::v1::ExportHashesRequest;
use denizen_rpc::problem_from;
use serde_json::{Map, Value, json};

use super::list_users::open_all;
use super::{is_shown, permit};
use crate::App;
use crate::error::Result;
use crate::model::{Mobile, Reason, User, Username};
use crate::rpc::cursor::{self, Place};
use crate::store::pages::{self, ByTime, Shown};

/// Binds cursors to this list.
const CONTEXT: &str = "export";

/// A page of records.
#[derive(Debug)]
pub(crate) struct Exported {
    pub(crate) records: Vec<String>,
    pub(crate) next_cursor: String,
}

/// The page after the cursor, oldest accounts first.
pub(crate) async fn export_users(
    app: &App,
    cx: &Cx,
    limit: usize,
    cursor: &str,
    with_hashes: bool,
) -> Result<Exported> {
    permit(app, cx, cx.require(Permission::UsersRead)).await?;
    permit(app, cx, require_operator(cx, with_hashes)).await?;
    let after = cursor::read(app.keys.pages(), CONTEXT, cursor)?;
    let after =
        after.map(|place| place.time()).transpose()?.unwrap_or((Timestamp::UNIX_EPOCH, UserId::nil()));
    let page = ByTime { shown: Shown::All, descending: false, after, end: Timestamp::MAX };
    let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = pages::by_created(&mut app.db.single().await?, &page, one_more).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let users = open_all(app, rows).await?;
    let hashes = if with_hashes { hashes(app, cx, &users).await? } else { HashMap::new() };
    let next_cursor = match users.last() {
        Some(last) if more => {
            let place = Place { key: last.created_at.as_microsecond().to_string(), id: last.id };
            cursor::write(app.keys.pages(), CONTEXT, &place)
        }
        _ => String::new(),
    };
    let records = users
        .iter()
        .filter(|user| is_shown(cx, user))
        .map(|user| record(user, hashes.get(&user.id.to_string())).to_string())
        .collect();
    Ok(Exported { records, next_cursor })
}

/// Hashes leave only by the operator's own hand.
fn require_operator(cx: &Cx, with_hashes: bool) -> Result<(), Problem> {
    if !with_hashes || cx.caller().service == Role::Operator {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "hashes of passwords are given to the operator only: use denizen export",
    ))
}

async fn hashes(app: &App, cx: &Cx, users: &[User]) -> Result<HashMap<String, String>> {
    let request = ExportHashesRequest { user_ids: users.iter().map(|user| user.id.to_string()).collect() };
    let answer = app.links.hashes(cx).export_hashes(request).await.map_err(problem_from)?;
    Ok(answer.into_inner().hashes.into_iter().map(|found| (found.user_id, found.password_hash)).collect())
}

/// An account in the form that [`crate::model::import`] reads.
fn record(user: &User, hash: Option<&String>) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("id", json!(user.id.to_string()));
    put("name", json!(user.name.as_str()));
    put("email", json!(user.email.as_str()));
    put("email_verified", json!(user.email_verified_at.is_some()));
    put("username", json!(user.username.as_ref().map(Username::as_str)));
    put("mobile", json!(user.mobile.as_ref().map(Mobile::as_str)));
    put("mobile_verified", json!(user.mobile_verified_at.is_some()));
    put("status", json!(user.status.as_str()));
    put("status_reason", json!(user.status_reason.as_ref().map(Reason::as_str)));
    put("status_until", json!(time(user.status_until)));
    put("roles", json!(user.roles));
    let preferences = &user.preferences;
    let [email, push, sms] = [preferences.email, preferences.push, preferences.sms];
    put("preferences", json!({"email": email, "push": push, "sms": sms, "locale": preferences.locale}));
    put("metadata", serde_json::from_str(user.metadata.as_str()).unwrap_or_default());
    put("push_tokens", json!(user.push_tokens));
    put("password_hash", json!(hash));
    put("created_at", json!(time(Some(user.created_at))));
    put("last_login_at", json!(time(user.last_login_at)));
    Value::Object(fields)
}
