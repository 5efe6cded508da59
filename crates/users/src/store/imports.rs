//! Imports: how far each has come, and its accounts, which must not fail for an identifier that is taken.

use denizen_db::{Args, FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::problem::Code;
use denizen_kit::time::Timestamp;

use super::{INSERT_IF_FREE, INSERT_ROLE, Sealing, row};
use crate::error::Result;
use crate::model::User;

const IMPORT: &str =
    "SELECT rows_done, created, conflicts, invalid, started_at, updated_at FROM imports WHERE id = $1";

const SAVE: &str = "INSERT INTO imports (id, rows_done, created, conflicts, invalid, started_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET rows_done = excluded.rows_done, \
    created = excluded.created, conflicts = excluded.conflicts, invalid = excluded.invalid, \
    updated_at = excluded.updated_at";

const HOLDER_BY_ID: &str = "SELECT id FROM users WHERE id = $1";
const HOLDER_BY_EMAIL: &str = "SELECT id FROM users WHERE email_index = $1";
const HOLDER_BY_USERNAME: &str = "SELECT id FROM users WHERE username_key = $1";
const HOLDER_BY_MOBILE: &str = "SELECT id FROM users WHERE mobile_index = $1";

/// How far an import has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Progress {
    pub(crate) rows: i64,
    pub(crate) created: i64,
    pub(crate) conflicts: i64,
    pub(crate) invalid: i64,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl FromRow for Progress {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            rows: row.get(0)?,
            created: row.get(1)?,
            conflicts: row.get(2)?,
            invalid: row.get(3)?,
            started_at: row.get(4)?,
            updated_at: row.get(5)?,
        })
    }
}

/// How far an import has come; none when it has not begun.
pub(crate) async fn progress(tx: &mut Tx, id: &str) -> Result<Option<Progress>> {
    Ok(tx.opt(IMPORT, args![id]).await?)
}

/// Notes how far an import has come.
pub(crate) async fn save_progress(tx: &mut Tx, id: &str, progress: &Progress) -> Result<()> {
    let Progress { rows, created, conflicts, invalid, started_at, updated_at } = progress;
    tx.exec(SAVE, args![id, *rows, *created, *conflicts, *invalid, *started_at, *updated_at]).await?;
    Ok(())
}

/// The values of an account's row.
pub(crate) fn values(user: &User, sealing: &Sealing<'_>) -> Args {
    let mut values = row::values(user, sealing);
    values.push(user.last_login_at.unwrap_or(Timestamp::UNIX_EPOCH).into());
    values
}

/// Writes accounts, by the values of their rows, and their roles; whether each was written. One whose id or identifier
/// is taken is not.
pub(crate) async fn insert_free(tx: &mut Tx, users: &[&User], values: &[Args]) -> Result<Vec<bool>> {
    let changed = tx.exec_each(INSERT_IF_FREE, values).await?;
    let written: Vec<bool> = changed.into_iter().map(|rows| rows == 1).collect();
    let holders = users.iter().zip(&written).filter(|(_, written)| **written).map(|(user, _)| user);
    let roles =
        holders.flat_map(|user| user.roles.iter().map(|role| args![user.id, role.as_str(), user.created_at]));
    tx.exec_each(INSERT_ROLE, &roles.collect::<Vec<Args>>()).await?;
    Ok(written)
}

/// What of an account another one has: pointer and code.
pub(crate) async fn taken(
    tx: &mut Tx,
    user: &User,
    keys: &crate::keys::Keys,
) -> Result<Option<(&'static str, Code)>> {
    let held = |row: Option<(UserId,)>| row.is_some();
    if held(tx.opt(HOLDER_BY_ID, args![user.id]).await?) {
        return Ok(Some(("/id", Code::Conflict)));
    }
    if held(tx.opt(HOLDER_BY_EMAIL, args![keys.blind("email", user.email.canonical())]).await?) {
        return Ok(Some(("/email", Code::EmailTaken)));
    }
    if let Some(username) = &user.username
        && held(tx.opt(HOLDER_BY_USERNAME, args![username.key()]).await?)
    {
        return Ok(Some(("/username", Code::UsernameTaken)));
    }
    let Some(mobile) = &user.mobile else { return Ok(None) };
    let by_mobile = held(tx.opt(HOLDER_BY_MOBILE, args![keys.blind("mobile", mobile.as_str())]).await?);
    Ok(by_mobile.then_some(("/mobile", Code::MobileTaken)))
}
