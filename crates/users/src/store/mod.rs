//! Every SQL string of users, and rows ⇄ model. Pages of the list are in [`pages`].

pub(crate) mod avatars;
pub(crate) mod consents;
pub(crate) mod erasures;
pub(crate) mod exports;
pub(crate) mod imports;
pub(crate) mod pages;
pub(crate) mod roles;
mod row;

use std::collections::HashSet;

use denizen_db::{Args, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;

pub(crate) use row::{SealedUser, sealed_email, sealed_mobile, sealed_reason};

use crate::error::Result;
use crate::model::User;

macro_rules! columns {
    () => {
        "u.id, u.username, u.name, u.email_sealed, u.email_verified_at, u.pending_email_sealed, u.mobile_sealed, \
         u.mobile_verified_at, u.pending_mobile_sealed, u.status, u.status_reason_sealed, u.status_until, \
         u.deleted_at, u.roles, u.prefers_email, u.prefers_push, u.prefers_sms, u.locale, u.metadata_sealed, \
         u.push_tokens_sealed, u.avatar, u.created_at, u.updated_at, u.last_login_at, u.version, u.username_sort, \
         u.username_key, u.status_by, u.status_at, u.restricted_at"
    };
}
pub(crate) use columns;

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM users u WHERE u.id = $1");
const BY_EMAIL: &str = concat!("SELECT ", columns!(), " FROM users u WHERE u.email_index = $1");
const BY_USERNAME: &str = concat!("SELECT ", columns!(), " FROM users u WHERE u.username_key = $1");
const BY_MOBILE: &str = concat!("SELECT ", columns!(), " FROM users u WHERE u.mobile_index = $1");

macro_rules! insert {
    () => {
        "INSERT INTO users (id, username, username_key, username_sort, name, name_sort, email_sealed, \
         email_index, email_verified_at, pending_email_sealed, mobile_sealed, mobile_index, mobile_verified_at, \
         pending_mobile_sealed, status, status_reason_sealed, status_until, deleted_at, roles, prefers_email, \
         prefers_push, prefers_sms, locale, metadata_sealed, push_tokens_sealed, avatar, created_at, updated_at, version, \
         status_by, status_at, last_login_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)"
    };
}

const INSERT: &str = insert!();
const INSERT_IF_FREE: &str = concat!(insert!(), " ON CONFLICT DO NOTHING");

const UPDATE: &str = "UPDATE users SET username = $2, username_key = $3, username_sort = $4, name = $5, \
    name_sort = $6, email_sealed = $7, email_index = $8, email_verified_at = $9, pending_email_sealed = $10, \
    mobile_sealed = $11, mobile_index = $12, mobile_verified_at = $13, pending_mobile_sealed = $14, status = $15, \
    status_reason_sealed = $16, status_until = $17, deleted_at = $18, roles = $19, prefers_email = $20, prefers_push = $21, \
    prefers_sms = $22, locale = $23, metadata_sealed = $24, push_tokens_sealed = $25, avatar = $26, \
    created_at = $27, updated_at = $28, version = $29, status_by = $30, status_at = $31 WHERE id = $1";

const INSERT_ROLE: &str = "INSERT INTO user_roles (user_id, role, created_at) VALUES ($1, $2, $3)";
const ANOTHER_ADMIN: &str = "SELECT r.user_id FROM user_roles r JOIN users u ON u.id = r.user_id \
    WHERE r.role = 'admin' AND r.user_id <> $1 AND u.deleted_at IS NULL AND u.status = 'active' LIMIT 1";
const ROLES_OF: &str = "SELECT roles FROM users WHERE id = $1";
const SUSPENSIONS_OVER: &str = "SELECT id FROM users WHERE status = 'suspended' AND status_until <= $1 \
    ORDER BY status_until, id LIMIT 500";
const EXISTS: &str = "SELECT id FROM users WHERE id = $1";
const EMAIL_HOLDER: &str = "SELECT id FROM users WHERE email_index = $1";
const MOBILE_HOLDER: &str = "SELECT id FROM users WHERE mobile_index = $1";
const RECORD_LOGIN: &str = "UPDATE users SET last_login_at = $2 WHERE id = $1 AND last_login_at < $2";

/// The account with an id, deleted or not.
pub(crate) async fn user(tx: &mut Tx, id: UserId) -> Result<Option<SealedUser>> {
    Ok(tx.opt(BY_ID, args![id]).await?)
}

/// The account with an e-mail address, by blind index.
pub(crate) async fn user_by_email(tx: &mut Tx, index: Vec<u8>) -> Result<Option<SealedUser>> {
    Ok(tx.opt(BY_EMAIL, args![index]).await?)
}

/// The account with a user name, by its look.
pub(crate) async fn user_by_username(tx: &mut Tx, key: &str) -> Result<Option<SealedUser>> {
    Ok(tx.opt(BY_USERNAME, args![key]).await?)
}

/// The account with a mobile number, by blind index.
pub(crate) async fn user_by_mobile(tx: &mut Tx, index: Vec<u8>) -> Result<Option<SealedUser>> {
    Ok(tx.opt(BY_MOBILE, args![index]).await?)
}

/// Writes a new account and its roles.
pub(crate) async fn insert_user(tx: &mut Tx, user: &User, sealing: &Sealing<'_>) -> Result<()> {
    let mut values = row::values(user, sealing);
    values.push(Timestamp::UNIX_EPOCH.into());
    tx.exec_of(user.id, INSERT, values).await?;
    for role in &user.roles {
        tx.exec_of(user.id, INSERT_ROLE, args![user.id, role.as_str(), user.created_at]).await?;
    }
    Ok(())
}

/// Writes a changed account; its roles stay as they are.
pub(crate) async fn save_user(tx: &mut Tx, user: &User, sealing: &Sealing<'_>) -> Result<()> {
    tx.exec_of(user.id, UPDATE, row::values(user, sealing)).await?;
    Ok(())
}

/// Whether an active administrator other than this one is there.
pub(crate) async fn another_admin(tx: &mut Tx, id: UserId) -> Result<bool> {
    Ok(tx.opt::<(UserId,)>(ANOTHER_ADMIN, args![id]).await?.is_some())
}

/// The names of an account's roles.
pub(crate) async fn roles_of(tx: &mut Tx, id: UserId) -> Result<Option<Vec<String>>> {
    let row: Option<(String,)> = tx.opt(ROLES_OF, args![id]).await?;
    Ok(row.map(|(roles,)| roles.split(',').map(str::to_owned).collect()))
}

/// Up to 500 accounts whose suspension has ended.
pub(crate) async fn suspensions_over(tx: &mut Tx, now: Timestamp) -> Result<Vec<UserId>> {
    let rows: Vec<(UserId,)> = tx.all(SUSPENSIONS_OVER, args![now]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which of these accounts are there.
pub(crate) async fn existing(tx: &mut Tx, ids: &[UserId]) -> Result<HashSet<UserId>> {
    let lists: Vec<Args> = ids.iter().map(|id| args![*id]).collect();
    let found: Vec<Option<(UserId,)>> = tx.opt_each(EXISTS, &lists).await?;
    Ok(found.into_iter().flatten().map(|(id,)| id).collect())
}

/// Who has an e-mail address.
pub(crate) async fn email_holder(tx: &mut Tx, index: Vec<u8>) -> Result<Option<UserId>> {
    Ok(tx.opt::<(UserId,)>(EMAIL_HOLDER, args![index]).await?.map(|(id,)| id))
}

/// Who has a mobile number.
pub(crate) async fn mobile_holder(tx: &mut Tx, index: Vec<u8>) -> Result<Option<UserId>> {
    Ok(tx.opt::<(UserId,)>(MOBILE_HOLDER, args![index]).await?.map(|(id,)| id))
}

/// Notes a login; an earlier one changes nothing.
pub(crate) async fn record_login(tx: &mut Tx, id: UserId, at: Timestamp) -> Result<()> {
    let values: Args = args![id, at];
    tx.exec_of(id, RECORD_LOGIN, values).await?;
    Ok(())
}

/// With what an account's row is sealed.
pub(crate) struct Sealing<'a> {
    /// The person's data key.
    pub(crate) key: &'a Key,
    /// Makes blind indexes.
    pub(crate) keys: &'a crate::keys::Keys,
}
