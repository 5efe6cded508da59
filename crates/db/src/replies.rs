//! Replies that are kept for idempotency keys, and a person who is to be forgotten: a reply may hold their account.

use denizen_kit::id::UserId;

use crate::error::Result;
use crate::tx::Tx;

/// Forgets the replies to requests of a person and about them. Such a request that comes again is done again.
pub async fn forget(tx: &mut Tx, user_id: UserId) -> Result<()> {
    const ABOUT: &str = "DELETE FROM idempotency WHERE subject = $1";
    const OF: &str = "DELETE FROM idempotency WHERE principal = $1";
    tx.exec_beside(ABOUT, crate::args![user_id]).await?;
    tx.exec_beside(OF, crate::args![user_id.to_string()]).await?;
    Ok(())
}
