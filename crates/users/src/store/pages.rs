//! Pages of the list: one statement for each filter and sort, each an index range that starts after the cursor.
//!
//! `$1` and `$2` are the sort key and id after which the page starts, `$3` how many rows; ranges and filter values
//! follow. A first page starts at the least or greatest key.

use denizen_db::{Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;

use super::{SealedUser, columns};
use crate::error::Result;

macro_rules! page {
    ($after:literal, $order:literal) => {
        concat!("SELECT ", columns!(), " FROM users u WHERE ", $after, " ORDER BY ", $order, " LIMIT $3")
    };
}

const CREATED: &str = page!(
    "u.deleted_at IS NULL AND (u.created_at, u.id) > ($1, $2) AND u.created_at < $4",
    "u.created_at, u.id"
);
const CREATED_DESC: &str = page!(
    "u.deleted_at IS NULL AND (u.created_at, u.id) < ($1, $2) AND u.created_at > $4",
    "u.created_at DESC, u.id DESC"
);
const STATUS: &str = page!(
    "u.deleted_at IS NULL AND u.status = $5 AND (u.created_at, u.id) > ($1, $2) AND u.created_at < $4",
    "u.created_at, u.id"
);
const STATUS_DESC: &str = page!(
    "u.deleted_at IS NULL AND u.status = $5 AND (u.created_at, u.id) < ($1, $2) AND u.created_at > $4",
    "u.created_at DESC, u.id DESC"
);
const DELETED: &str = page!(
    "u.deleted_at IS NOT NULL AND (u.created_at, u.id) > ($1, $2) AND u.created_at < $4",
    "u.created_at, u.id"
);
const DELETED_DESC: &str = page!(
    "u.deleted_at IS NOT NULL AND (u.created_at, u.id) < ($1, $2) AND u.created_at > $4",
    "u.created_at DESC, u.id DESC"
);
const ROLE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM user_roles r JOIN users u ON u.id = r.user_id AND u.deleted_at IS NULL \
      WHERE r.role = $5 AND (r.created_at, r.user_id) > ($1, $2) AND r.created_at < $4 \
      ORDER BY r.created_at, r.user_id LIMIT $3"
);
const ROLE_DESC: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM user_roles r JOIN users u ON u.id = r.user_id AND u.deleted_at IS NULL \
      WHERE r.role = $5 AND (r.created_at, r.user_id) < ($1, $2) AND r.created_at > $4 \
      ORDER BY r.created_at DESC, r.user_id DESC LIMIT $3"
);
const LOGIN: &str =
    page!("u.deleted_at IS NULL AND (u.last_login_at, u.id) > ($1, $2)", "u.last_login_at, u.id");
const USERNAME: &str = page!(
    "u.deleted_at IS NULL AND (u.username_sort, u.id) > ($1, $2) AND u.username_sort < $4",
    "u.username_sort, u.id"
);
const NAME: &str = page!(
    "u.deleted_at IS NULL AND (u.name_sort, u.id) > ($1, $2) AND u.name_sort < $4",
    "u.name_sort, u.id"
);
const COUNT: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE deleted_at IS NULL LIMIT 10000) AS counted";
const COUNT_DELETED: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE deleted_at IS NOT NULL LIMIT 10000) AS counted";
const COUNT_STATUS: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE deleted_at IS NULL AND status = $1 LIMIT 10000) AS counted";
const COUNT_ROLE: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM user_roles r JOIN users u ON u.id = r.user_id \
    AND u.deleted_at IS NULL WHERE r.role = $1 LIMIT 10000) AS counted";

/// Which accounts a page by time of making shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// All that are not deleted.
    All,
    /// Those with a status.
    Status(&'static str),
    /// The deleted ones.
    Deleted,
    /// Those with a role.
    Role(String),
}

/// A page by time of making.
#[derive(Clone, Debug)]
pub(crate) struct ByTime {
    pub(crate) shown: Shown,
    pub(crate) descending: bool,
    /// Sort key and id after which it starts.
    pub(crate) after: (Timestamp, UserId),
    /// Where it ends at the latest.
    pub(crate) end: Timestamp,
}

/// Accounts by time of making.
pub(crate) async fn by_created(tx: &mut Tx, page: &ByTime, rows: i64) -> Result<Vec<SealedUser>> {
    let mut values = args![page.after.0, page.after.1, rows, page.end];
    let sql = match (&page.shown, page.descending) {
        (Shown::All, false) => CREATED,
        (Shown::All, true) => CREATED_DESC,
        (Shown::Deleted, false) => DELETED,
        (Shown::Deleted, true) => DELETED_DESC,
        (Shown::Status(status), descending) => {
            values.push((*status).into());
            if descending { STATUS_DESC } else { STATUS }
        }
        (Shown::Role(role), descending) => {
            values.push(role.as_str().into());
            if descending { ROLE_DESC } else { ROLE }
        }
    };
    Ok(tx.all(sql, values).await?)
}

/// Accounts by last login; those who never did come first.
pub(crate) async fn by_login(tx: &mut Tx, after: (Timestamp, UserId), rows: i64) -> Result<Vec<SealedUser>> {
    Ok(tx.all(LOGIN, args![after.0, after.1, rows]).await?)
}

/// Accounts by user name after a place and before a sort key. There is one lower bound, not two, so that no engine
/// can choose the wider one and read what it does not show.
pub(crate) async fn by_username(
    tx: &mut Tx,
    after: (&str, UserId),
    end: &str,
    rows: i64,
) -> Result<Vec<SealedUser>> {
    Ok(tx.all(USERNAME, args![after.0, after.1, rows, end]).await?)
}

/// Accounts by name after a place and before a sort key.
pub(crate) async fn by_name(
    tx: &mut Tx,
    after: (&str, UserId),
    end: &str,
    rows: i64,
) -> Result<Vec<SealedUser>> {
    Ok(tx.all(NAME, args![after.0, after.1, rows, end]).await?)
}

/// How many such accounts there are; 10,000 means that many or more.
pub(crate) async fn count(tx: &mut Tx, shown: &Shown) -> Result<i64> {
    let (sql, values) = match shown {
        Shown::All => (COUNT, args![]),
        Shown::Deleted => (COUNT_DELETED, args![]),
        Shown::Status(status) => (COUNT_STATUS, args![*status]),
        Shown::Role(role) => (COUNT_ROLE, args![role.as_str()]),
    };
    Ok(tx.one::<(i64,)>(sql, values).await?.0)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
