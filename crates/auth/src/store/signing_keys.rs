//! The table of signing keys.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::time::Timestamp;

use crate::error::Result;
use crate::model::{PublicKey, StoredKey};

const SIGNING_KEY: &str = "SELECT kid, number, algorithm, private_sealed, public_key, created_at FROM signing_keys \
     WHERE retired_at IS NULL ORDER BY number DESC LIMIT 1";

const INSERT_SIGNING_KEY: &str = "INSERT INTO signing_keys (kid, number, algorithm, private_sealed, public_key, \
     created_at) VALUES ($1, $2, $3, $4, $5, $6)";

const PUBLIC_KEYS: &str = "SELECT kid, algorithm, public_key FROM signing_keys \
     WHERE retired_at IS NULL OR retired_at > $1 ORDER BY number DESC";

/// The newest key that is not retired.
pub(crate) async fn signing_key(tx: &mut Tx) -> Result<Option<StoredKey>> {
    Ok(tx.opt(SIGNING_KEY, args![]).await?)
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
    ];
    tx.exec(INSERT_SIGNING_KEY, args).await?;
    Ok(())
}

/// The public keys that were in use after a time, newest first.
pub(crate) async fn public_keys(tx: &mut Tx, after: Timestamp) -> Result<Vec<PublicKey>> {
    Ok(tx.all(PUBLIC_KEYS, args![after]).await?)
}

impl FromRow for PublicKey {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self { kid: row.get(0)?, algorithm: row.get(1)?, bytes: row.get(2)? })
    }
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
        })
    }
}
