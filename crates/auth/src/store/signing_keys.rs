//! The table of signing keys.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::time::Timestamp;

use crate::error::Result;
use crate::model::StoredKey;

const NEWEST_KEY: &str = "SELECT kid, number, algorithm, private_sealed, public_key, created_at, signs_from \
     FROM signing_keys ORDER BY number DESC LIMIT 1";

const SIGNING_KEYS: &str = "SELECT kid, number, algorithm, private_sealed, public_key, created_at, signs_from \
     FROM signing_keys WHERE retired_at IS NULL OR retired_at > $1 ORDER BY number DESC";

const INSERT_SIGNING_KEY: &str = "INSERT INTO signing_keys (kid, number, algorithm, private_sealed, public_key, \
     created_at, signs_from) VALUES ($1, $2, $3, $4, $5, $6, $7)";

const RETIRE_SIGNING_KEY: &str = "UPDATE signing_keys SET retired_at = $2 WHERE kid = $1";

const DELETE_SIGNING_KEYS: &str = "DELETE FROM signing_keys WHERE retired_at IS NOT NULL AND retired_at < $1";

/// The newest key, whether it signs already or not.
pub(crate) async fn newest_signing_key(tx: &mut Tx) -> Result<Option<StoredKey>> {
    Ok(tx.opt(NEWEST_KEY, args![]).await?)
}

/// The keys that were not retired by a time, newest first.
pub(crate) async fn signing_keys(tx: &mut Tx, after: Timestamp) -> Result<Vec<StoredKey>> {
    Ok(tx.all(SIGNING_KEYS, args![after]).await?)
}

/// Adds a key. Its number is unique.
pub(crate) async fn insert_signing_key(tx: &mut Tx, key: &StoredKey) -> Result<(), denizen_db::Error> {
    let args = args![
        key.kid.as_str(),
        key.number,
        key.algorithm.as_str(),
        key.private_sealed.as_slice(),
        key.public_key.as_slice(),
        key.created_at,
        key.signs_from,
    ];
    tx.exec(INSERT_SIGNING_KEY, args).await?;
    Ok(())
}

/// Sets from when another key signs.
pub(crate) async fn retire_signing_key(tx: &mut Tx, kid: &str, at: Timestamp) -> Result<()> {
    tx.exec(RETIRE_SIGNING_KEY, args![kid, at]).await?;
    Ok(())
}

/// Deletes keys that were retired before a time; says how many.
pub(crate) async fn delete_signing_keys(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    Ok(tx.exec(DELETE_SIGNING_KEYS, args![before]).await?)
}

impl FromRow for StoredKey {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            kid: row.get(0)?,
            number: row.get(1)?,
            algorithm: row.get(2)?,
            private_sealed: row.get(3)?,
            public_key: row.get(4)?,
            created_at: row.get(5)?,
            signs_from: row.get(6)?,
        })
    }
}
