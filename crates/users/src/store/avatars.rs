//! Which picture an account names.

use denizen_db::{Tx, args};
use denizen_kit::id::UserId;

use crate::error::Result;

const AVATAR: &str = "SELECT avatar FROM users WHERE id = $1";

/// The picture of an account; none when it has none, or is not there.
pub(crate) async fn of(tx: &mut Tx, id: UserId) -> Result<Option<String>> {
    Ok(tx.opt::<(Option<String>,)>(AVATAR, args![id]).await?.and_then(|(avatar,)| avatar))
}
