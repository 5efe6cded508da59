//! The table of known devices.

use denizen_db::{Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;

use crate::error::Result;

const SEEN_AT: &str = "SELECT seen_at FROM known_devices WHERE user_id = $1 AND digest = $2";

const ANY_DEVICE: &str = "SELECT seen_at FROM known_devices WHERE user_id = $1 LIMIT 1";

const REMEMBER: &str = "INSERT INTO known_devices (user_id, digest, seen_at) VALUES ($1, $2, $3) \
     ON CONFLICT (user_id, digest) DO UPDATE SET seen_at = excluded.seen_at";

const FORGET: &str = "DELETE FROM known_devices WHERE user_id = $1";

const DELETE_DEVICES: &str = "DELETE FROM known_devices WHERE (user_id, digest) IN \
     (SELECT user_id, digest FROM known_devices WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)";

/// When a person's device was last seen; none for one that is not known.
pub(crate) async fn device_seen_at(tx: &mut Tx, user_id: UserId, digest: &[u8]) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = tx.opt(SEEN_AT, args![user_id, digest]).await?;
    Ok(row.map(|(at,)| at))
}

/// Whether any device of a person is known.
pub(crate) async fn has_devices(tx: &mut Tx, user_id: UserId) -> Result<bool> {
    let row: Option<(Timestamp,)> = tx.opt(ANY_DEVICE, args![user_id]).await?;
    Ok(row.is_some())
}

/// Remembers a device, or that it was seen again.
pub(crate) async fn remember_device(
    tx: &mut Tx,
    user_id: UserId,
    digest: &[u8],
    now: Timestamp,
) -> Result<()> {
    tx.exec(REMEMBER, args![user_id, digest, now]).await?;
    Ok(())
}

/// Forgets all devices of a person.
pub(crate) async fn forget_devices(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(FORGET, args![user_id]).await?;
    Ok(())
}

/// Deletes devices that were last seen before a time, at most `limit`; says how many.
pub(crate) async fn delete_devices(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(tx.exec(DELETE_DEVICES, args![before, limit]).await?)
}
