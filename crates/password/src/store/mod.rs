//! All SQL of password: credentials here, the guard and resets beside.

pub(crate) mod blocks;
pub(crate) mod guard;
pub(crate) mod records;
pub(crate) mod reset;

use std::time::Duration;

use denizen_db::{Args, FromRow, Row, Tx, args};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, before};
use uuid::Uuid;

use crate::error::Result;
use crate::hash::{Family, Hashed, Work};

const HASH: &str = "SELECT hash FROM credentials WHERE user_id = $1";

const PUT: &str = "INSERT INTO credentials (user_id, hash, family, steps, created_at, changed_at) \
    VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, \
    family = excluded.family, steps = excluded.steps, created_at = excluded.created_at, \
    changed_at = excluded.changed_at";

const RESET: &str = "INSERT INTO credentials (user_id, hash, family, steps, created_at, changed_at, confirmed_at) \
    VALUES ($1, $2, $3, $4, $5, $5, $5) ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, \
    family = excluded.family, steps = excluded.steps, changed_at = excluded.changed_at, \
    confirmed_at = excluded.confirmed_at";

const REPLACE: &str = "UPDATE credentials SET hash = $3, family = $4, steps = $5, changed_at = $6 \
    WHERE user_id = $1 AND hash = $2";

const REHASH: &str =
    "UPDATE credentials SET hash = $3, family = $4, steps = $5 WHERE user_id = $1 AND hash = $2";

// The columns after the first are those of Family::BILLED, in its order.
const HASH_AND_COSTLIEST: &str = "SELECT (SELECT hash FROM credentials WHERE user_id = $1), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'argon2'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'bcrypt'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'pbkdf2-sha1'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'pbkdf2-sha256'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'pbkdf2-sha512'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'scrypt'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'sha256-crypt'), \
    (SELECT MAX(steps) FROM credentials WHERE family = 'sha512-crypt')";

const CONFIRM: &str = "UPDATE credentials SET confirmed_at = $2 WHERE user_id = $1 AND confirmed_at IS NULL";

const UNCONFIRMED: &str = "SELECT user_id, created_at FROM credentials WHERE confirmed_at IS NULL AND created_at < $1 \
    ORDER BY created_at LIMIT 100";

const DELETE_UNCONFIRMED: &str =
    "DELETE FROM credentials WHERE user_id = $1 AND confirmed_at IS NULL AND created_at < $2";

const DELETE: &str = "DELETE FROM credentials WHERE user_id = $1";

const OLD: &str = "SELECT hash FROM old_hashes WHERE user_id = $1 ORDER BY id DESC LIMIT $2";

const KEEP_OLD: &str = "INSERT INTO old_hashes (id, user_id, hash, created_at) VALUES ($1, $2, $3, $4)";

const TRIM_OLD: &str = "DELETE FROM old_hashes WHERE user_id = $1 AND id NOT IN \
    (SELECT id FROM old_hashes WHERE user_id = $1 ORDER BY id DESC LIMIT $2)";

const DELETE_OLD: &str = "DELETE FROM old_hashes WHERE user_id = $1";

/// How long a credential waits for its account before users is asked.
const UNCLAIMED: Duration = Duration::from_secs(3600);

/// The hash of a person's password.
pub(crate) async fn hash(tx: &mut Tx, user_id: UserId) -> Result<Option<String>> {
    let row: Option<(String,)> = tx.opt(HASH, args![user_id]).await?;
    Ok(row.map(|(hash,)| hash))
}

/// The hash of a person's password, if there is one, and the costliest hash that is kept of each family.
pub(crate) async fn hash_and_costliest(tx: &mut Tx, user_id: UserId) -> Result<(Option<String>, Vec<Work>)> {
    let HashAndCostliest(hash, works) = tx.one(HASH_AND_COSTLIEST, args![user_id]).await?;
    Ok((hash, works))
}

struct HashAndCostliest(Option<String>, Vec<Work>);

impl FromRow for HashAndCostliest {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let mut works = Vec::new();
        for (index, family) in Family::BILLED.into_iter().enumerate() {
            let steps: Option<i64> = row.get(index + 1)?;
            let steps = steps.and_then(|steps| u64::try_from(steps).ok());
            works.extend(steps.map(|steps| Work { family, steps }));
        }
        Ok(Self(row.get(0)?, works))
    }
}

/// The hashes of the last passwords before the present one, newest first.
pub(crate) async fn old_hashes(tx: &mut Tx, user_id: UserId, most: usize) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx.all(OLD, args![user_id, count(most)]).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Sets the first password of an account that may not exist yet.
pub(crate) async fn put(tx: &mut Tx, user_id: UserId, hashed: &Hashed, now: Timestamp) -> Result<()> {
    let (family, steps) = cost(hashed);
    tx.exec(PUT, args![user_id, &hashed.text, family, steps, now]).await?;
    Ok(())
}

/// Sets the first passwords of accounts that may not exist yet.
pub(crate) async fn put_all(tx: &mut Tx, taken: &[(UserId, Hashed)], now: Timestamp) -> Result<()> {
    let list = |(user_id, hashed): &(UserId, Hashed)| {
        let (family, steps) = cost(hashed);
        args![*user_id, &hashed.text, family, steps, now]
    };
    tx.exec_each(PUT, &taken.iter().map(list).collect::<Vec<Args>>()).await?;
    Ok(())
}

/// Replaces a hash by another one; false when it is not the present one any more.
pub(crate) async fn replace(
    tx: &mut Tx,
    user_id: UserId,
    (old, new): (&str, &Hashed),
    now: Timestamp,
) -> Result<bool> {
    let (family, steps) = cost(new);
    Ok(tx.exec(REPLACE, args![user_id, old, &new.text, family, steps, now]).await? == 1)
}

/// Sets the password of an account that exists.
pub(crate) async fn reset(tx: &mut Tx, user_id: UserId, hashed: &Hashed, now: Timestamp) -> Result<()> {
    let (family, steps) = cost(hashed);
    tx.exec(RESET, args![user_id, &hashed.text, family, steps, now]).await?;
    Ok(())
}

/// Replaces a hash by one of the same password.
pub(crate) async fn rehash(tx: &mut Tx, user_id: UserId, old: &str, new: &Hashed) -> Result<()> {
    let (family, steps) = cost(new);
    tx.exec(REHASH, args![user_id, old, &new.text, family, steps]).await?;
    Ok(())
}

/// Keeps a hash that was replaced, and forgets those beyond `most`.
pub(crate) async fn keep_old(tx: &mut Tx, cx: &Cx, user_id: UserId, hash: &str, most: usize) -> Result<()> {
    let id: Uuid = cx.uuid();
    tx.exec(KEEP_OLD, args![id, user_id, hash, cx.now()]).await?;
    tx.exec(TRIM_OLD, args![user_id, count(most)]).await?;
    Ok(())
}

/// Takes a person's password away; false when there is none.
pub(crate) async fn drop_credential(tx: &mut Tx, user_id: UserId) -> Result<bool> {
    Ok(tx.exec(DELETE, args![user_id]).await? == 1)
}

/// Writes down that the account exists.
pub(crate) async fn confirm(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<()> {
    tx.exec(CONFIRM, args![user_id, now]).await?;
    Ok(())
}

/// Writes down that the accounts exist.
pub(crate) async fn confirm_all(tx: &mut Tx, user_ids: &[UserId], now: Timestamp) -> Result<()> {
    let lists: Vec<Args> = user_ids.iter().map(|user_id| args![*user_id, now]).collect();
    tx.exec_each(CONFIRM, &lists).await?;
    Ok(())
}

/// Up to 100 people whose account has not been seen within an hour.
pub(crate) async fn unconfirmed(tx: &mut Tx, now: Timestamp) -> Result<Vec<UserId>> {
    let rows: Vec<(UserId, Timestamp)> = tx.all(UNCONFIRMED, args![before(now, UNCLAIMED)]).await?;
    Ok(rows.into_iter().map(|(user_id, _)| user_id).collect())
}

/// Deletes a credential that no account claimed.
pub(crate) async fn delete_unconfirmed(tx: &mut Tx, user_id: UserId, now: Timestamp) -> Result<()> {
    tx.exec(DELETE_UNCONFIRMED, args![user_id, before(now, UNCLAIMED)]).await?;
    Ok(())
}

/// Deletes everything that is kept about a person.
pub(crate) async fn erase(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(DELETE, args![user_id]).await?;
    tx.exec(DELETE_OLD, args![user_id]).await?;
    guard::forget(tx, user_id).await?;
    reset::erase(tx, user_id).await
}

fn cost(hashed: &Hashed) -> (&'static str, i64) {
    (hashed.work.family.as_str(), i64::try_from(hashed.work.steps).unwrap_or(i64::MAX))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_costs_are_those_of_the_families() {
        let column = |family: Family| HASH_AND_COSTLIEST.find(&format!("'{}'", family.as_str()));
        let places: Vec<usize> = Family::BILLED.into_iter().filter_map(column).collect();
        assert_eq!(places.len(), Family::BILLED.len());
        assert!(places.is_sorted(), "in their order");
        assert_eq!(HASH_AND_COSTLIEST.matches("MAX(steps)").count(), Family::BILLED.len());
    }
}
