//! The SQL of what is known about one person's password.

use denizen_db::{Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;

use crate::error::Result;

const CREDENTIAL: &str = "SELECT hash, created_at, changed_at FROM credentials WHERE user_id = $1";
const OLD: &str = "SELECT COUNT(*) FROM old_hashes WHERE user_id = $1";

/// The hash, when the first password was set and when the present one; none without a password.
pub(crate) async fn credential(
    tx: &mut Tx,
    user_id: UserId,
) -> Result<Option<(String, Timestamp, Timestamp)>> {
    Ok(tx.opt(CREDENTIAL, args![user_id]).await?)
}

/// How many passwords before are remembered.
pub(crate) async fn old_count(tx: &mut Tx, user_id: UserId) -> Result<i64> {
    Ok(tx.one::<(i64,)>(OLD, args![user_id]).await?.0)
}
