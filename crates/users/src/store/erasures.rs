//! The SQL of erasures: the ledger, and what goes with an account.

use denizen_db::{Args, FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;

use crate::error::Result;
use crate::model::certificate::Certificate;

const STANDING: &str = "SELECT status, roles, deleted_at FROM users WHERE id = $1";

const INSERT: &str =
    "INSERT INTO erasures (user_id, begun_at, ordered_by, reason_sealed) VALUES ($1, $2, $3, $4)";
const BEGUN: &str = "SELECT user_id, begun_at, ordered_by FROM erasures WHERE user_id = $1";
const OF_ID: &str = "SELECT user_id FROM erasures WHERE user_id = $1";
const CERTIFICATE: &str =
    "SELECT certificate, signature FROM erasures WHERE user_id = $1 AND finished_at IS NOT NULL";
const UNFINISHED: &str = "SELECT user_id, begun_at, ordered_by FROM erasures \
    WHERE finished_at IS NULL AND begun_at < $1 ORDER BY begun_at LIMIT $2";
const FINISH: &str = "UPDATE erasures SET certificate = $2, signature = $3, finished_at = $4, cleaned_at = $5 \
    WHERE user_id = $1 AND finished_at IS NULL";
const UNCLEAN: &str =
    "SELECT user_id FROM erasures WHERE cleaned_at IS NULL AND finished_at IS NOT NULL LIMIT $1";
const MARK_CLEAN: &str = "UPDATE erasures SET cleaned_at = $2 WHERE user_id = $1 AND cleaned_at IS NULL";
const OVERDUE: &str = "SELECT id FROM users WHERE deleted_at IS NOT NULL AND deleted_at < $1 \
    ORDER BY deleted_at, id LIMIT $2";

/// Each deletes what one table holds about a person; the account itself comes last.
const REMOVE: [&str; 5] = [
    "DELETE FROM user_roles WHERE user_id = $1",
    "DELETE FROM consents WHERE user_id = $1",
    "DELETE FROM consent_changes WHERE user_id = $1",
    "DELETE FROM exports WHERE user_id = $1",
    "DELETE FROM users WHERE id = $1",
];

/// What an erasure must know of an account; nothing in it needs the data key.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// As it stands in the database.
    pub(crate) status: String,
    pub(crate) roles: Vec<String>,
    pub(crate) deleted_at: Option<Timestamp>,
}

impl FromRow for Standing {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let roles: String = row.get(1)?;
        let roles = roles.split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect();
        Ok(Self { status: row.get(0)?, roles, deleted_at: row.get(2)? })
    }
}

/// Of which of these people an erasure was begun.
pub(crate) async fn of_any(tx: &mut Tx, ids: &[UserId]) -> Result<Vec<UserId>> {
    let lists: Vec<Args> = ids.iter().map(|id| args![*id]).collect();
    let found: Vec<Option<(UserId,)>> = tx.opt_each(OF_ID, &lists).await?;
    Ok(found.into_iter().flatten().map(|(id,)| id).collect())
}

/// An erasure that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) user_id: UserId,
    pub(crate) at: Timestamp,
    /// `owner`, `administrator`, `operator` or `retention`.
    pub(crate) ordered_by: String,
}

impl FromRow for Begun {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self { user_id: row.get(0)?, at: row.get(1)?, ordered_by: row.get(2)? })
    }
}

/// How an account stands.
pub(crate) async fn standing(tx: &mut Tx, user_id: UserId) -> Result<Option<Standing>> {
    Ok(tx.opt(STANDING, args![user_id]).await?)
}

/// Writes an erasure into the ledger.
pub(crate) async fn insert(tx: &mut Tx, begun: &Begun, reason_sealed: Option<Vec<u8>>) -> Result<()> {
    let values = args![begun.user_id, begun.at, begun.ordered_by.as_str(), reason_sealed];
    tx.exec(INSERT, values).await?;
    Ok(())
}

/// Removes the account and what hangs on it.
pub(crate) async fn remove(tx: &mut Tx, user_id: UserId) -> Result<()> {
    for sql in REMOVE {
        tx.exec(sql, args![user_id]).await?;
    }
    denizen_db::replies::forget(tx, user_id).await?;
    Ok(())
}

/// The erasure of a person, finished or not.
pub(crate) async fn begun(tx: &mut Tx, user_id: UserId) -> Result<Option<Begun>> {
    Ok(tx.opt(BEGUN, args![user_id]).await?)
}

/// The certificate of a finished erasure.
pub(crate) async fn certificate(tx: &mut Tx, user_id: UserId) -> Result<Option<Certificate>> {
    let row: Option<(String, Vec<u8>)> = tx.opt(CERTIFICATE, args![user_id]).await?;
    Ok(row.map(|(text, signature)| Certificate { text, signature }))
}

/// Erasures that were begun before a time and not finished, oldest first.
pub(crate) async fn unfinished(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<Begun>> {
    Ok(tx.all(UNFINISHED, args![before, limit]).await?)
}

/// Finishes an erasure; false when it was finished before.
pub(crate) async fn finish(
    tx: &mut Tx,
    user_id: UserId,
    certificate: &Certificate,
    now: Timestamp,
    cleaned: bool,
) -> Result<bool> {
    let cleaned_at = cleaned.then_some(now);
    let values = args![user_id, certificate.text.as_str(), certificate.signature.as_slice(), now, cleaned_at];
    Ok(tx.exec(FINISH, values).await? == 1)
}

/// Finished erasures after which the files were not cleaned.
pub(crate) async fn unclean(tx: &mut Tx, limit: i64) -> Result<Vec<UserId>> {
    let rows: Vec<(UserId,)> = tx.all(UNCLEAN, args![limit]).await?;
    Ok(rows.into_iter().map(|(user_id,)| user_id).collect())
}

/// Notes that the files were cleaned after an erasure.
pub(crate) async fn mark_clean(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<()> {
    tx.exec(MARK_CLEAN, args![user_id, now]).await?;
    Ok(())
}

/// Accounts that were deleted before a time, oldest first.
pub(crate) async fn overdue(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<UserId>> {
    let rows: Vec<(UserId,)> = tx.all(OVERDUE, args![before, limit]).await?;
    Ok(rows.into_iter().map(|(user_id,)| user_id).collect())
}
