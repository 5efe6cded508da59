//! All SQL of otp.

pub(crate) mod records;

use denizen_db::{Error as DbError, FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, before};

use crate::error::Result;
use crate::model::{Channel, MAX_WRONG_TRIES, Otp, OtpId, Purpose, TRIES_WINDOW};

const OTP: &str = "SELECT id, user_id, identifier_sealed, purpose, channel, target, nonce, created_at, \
    issued_at, code_expires_at, ends_at, used_at, ended_at FROM otps WHERE id = $1";

const LIVE_OF: &str = "SELECT id, user_id, identifier_sealed, purpose, channel, target, nonce, created_at, \
    issued_at, code_expires_at, ends_at, used_at, ended_at FROM otps \
    WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL AND ended_at IS NULL AND issued_at IS NOT NULL \
    AND code_expires_at > $3 ORDER BY id DESC LIMIT 1";

const INSERT: &str = "INSERT INTO otps (id, user_id, identifier_sealed, purpose, channel, target, nonce, attempts, \
    created_at, issued_at, code_expires_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11)";

const ISSUE: &str = "UPDATE otps SET user_id = $2, target = $3, issued_at = $4, code_expires_at = $5 \
    WHERE id = $1 AND used_at IS NULL AND ended_at IS NULL";

const END: &str = "UPDATE otps SET ended_at = $2 WHERE id = $1 AND used_at IS NULL AND ended_at IS NULL";

const END_OLDER: &str = "UPDATE otps SET ended_at = $4 WHERE user_id = $1 AND purpose = $2 AND id <> $3 \
    AND used_at IS NULL AND ended_at IS NULL AND issued_at IS NOT NULL";

const RESERVE_TRY: &str = "UPDATE otps SET attempts = attempts + 1 WHERE id = $1 AND used_at IS NULL \
    AND ended_at IS NULL AND issued_at IS NOT NULL AND code_expires_at > $2 AND attempts < $3 RETURNING attempts";

const USE: &str = "UPDATE otps SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND ended_at IS NULL \
    AND issued_at IS NOT NULL AND ends_at > $2";

const START_COOLDOWN: &str = "INSERT INTO cooldowns (key, until) VALUES ($1, $2) \
    ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE cooldowns.until <= $3";

const COOLDOWN: &str = "SELECT until FROM cooldowns WHERE key = $1";

const COUNT_TRY: &str = "INSERT INTO code_tries (user_id, public, tries, last_at) VALUES ($1, $5, 1, $2) \
    ON CONFLICT (user_id, public) DO UPDATE SET \
    tries = CASE WHEN code_tries.last_at <= $3 THEN 1 ELSE code_tries.tries + 1 END, last_at = excluded.last_at \
    WHERE code_tries.tries < $4 OR code_tries.last_at <= $3";

const UNCOUNT_TRY: &str =
    "UPDATE code_tries SET tries = tries - 1 WHERE user_id = $1 AND public = $2 AND tries > 0";

const FORGET_OTPS: &str = "DELETE FROM otps WHERE user_id = $1";

const FORGET_TRIES: &str = "DELETE FROM code_tries WHERE user_id = $1";

const DROP_COOLDOWN: &str = "DELETE FROM cooldowns WHERE key = $1";

const SWEEP_OTPS: &str =
    "DELETE FROM otps WHERE id IN (SELECT id FROM otps WHERE ends_at <= $1 ORDER BY ends_at LIMIT 500)";

const SWEEP_COOLDOWNS: &str = "DELETE FROM cooldowns WHERE key IN (SELECT key FROM cooldowns WHERE until <= $1 ORDER BY until LIMIT 500)";

const SWEEP_TRIES: &str = "DELETE FROM code_tries WHERE (user_id, public) IN \
    (SELECT user_id, public FROM code_tries WHERE last_at <= $1 ORDER BY last_at LIMIT 500)";

/// Rows that one sweep deletes at most.
pub(crate) const CHUNK: u64 = 500;

impl FromRow for Otp {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let unknown = || DbError::Misuse("a row of otps has an unknown purpose or channel");
        let purpose = Purpose::parse(&row.get::<String>(3)?).ok_or_else(unknown)?;
        let channel = Channel::parse(&row.get::<String>(4)?).ok_or_else(unknown)?;
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            identifier_sealed: row.get(2)?,
            purpose,
            channel,
            target: row.get(5)?,
            nonce: row.get(6)?,
            created_at: row.get(7)?,
            issued_at: row.get(8)?,
            code_expires_at: row.get(9)?,
            ends_at: row.get(10)?,
            used_at: row.get(11)?,
            ended_at: row.get(12)?,
        })
    }
}

/// The row of this id.
pub(crate) async fn otp(tx: &mut Tx, id: OtpId) -> Result<Option<Otp>> {
    Ok(tx.opt(OTP, args![id]).await?)
}

/// The code that a person has for a purpose now.
pub(crate) async fn live_of(
    tx: &mut Tx,
    user_id: UserId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Otp>> {
    Ok(tx.opt(LIVE_OF, args![user_id, purpose.as_str(), now]).await?)
}

/// Adds a row.
pub(crate) async fn insert(tx: &mut Tx, otp: &Otp) -> Result<()> {
    let args = args![
        otp.id,
        otp.user_id,
        otp.identifier_sealed.clone(),
        otp.purpose.as_str(),
        otp.channel.as_str(),
        otp.target.clone(),
        otp.nonce.clone(),
        otp.created_at,
        otp.issued_at,
        otp.code_expires_at,
        otp.ends_at,
    ];
    tx.exec(INSERT, args).await?;
    Ok(())
}

/// Writes down that the code was given out; false when the row has been used or ended meanwhile.
pub(crate) async fn issue(tx: &mut Tx, otp: &Otp) -> Result<bool> {
    let args = args![otp.id, otp.user_id, otp.target.clone(), otp.issued_at, otp.code_expires_at];
    Ok(tx.exec(ISSUE, args).await? == 1)
}

/// Ends a row.
pub(crate) async fn end(tx: &mut Tx, id: OtpId, now: Timestamp) -> Result<()> {
    tx.exec(END, args![id, now]).await?;
    Ok(())
}

/// Ends the other issued rows of a person and a purpose.
pub(crate) async fn end_older(tx: &mut Tx, otp: &Otp, now: Timestamp) -> Result<()> {
    tx.exec(END_OLDER, args![otp.user_id, otp.purpose.as_str(), otp.id, now]).await?;
    Ok(())
}

/// Counts a try of a living code before it is compared; none when it is dead. The number of tries with this one.
pub(crate) async fn reserve_try(tx: &mut Tx, id: OtpId, now: Timestamp, most: i64) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx.opt(RESERVE_TRY, args![id, now, most]).await?;
    Ok(row.map(|(attempts,)| attempts))
}

/// Uses a row up; false when it is over.
pub(crate) async fn use_up(tx: &mut Tx, id: OtpId, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(USE, args![id, now]).await? == 1)
}

/// Starts a cool-down; when one is running, when it ends.
pub(crate) async fn start_cooldown(
    tx: &mut Tx,
    key: Vec<u8>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Timestamp>> {
    if tx.exec(START_COOLDOWN, args![key.clone(), until, now]).await? == 1 {
        return Ok(None);
    }
    let (running,): (Timestamp,) = tx.one(COOLDOWN, args![key]).await?;
    Ok(Some(running))
}

/// Which tries of an account are counted together: those at codes that anybody can ask for, or those of somebody who
/// has shown a password or a session. So nobody who knows an identifier only can spend the tries of its owner.
pub(crate) struct Tries {
    pub(crate) user_id: UserId,
    pub(crate) public: bool,
}

/// Counts a wrong try of an account, before it is known to be one; false when it has taken too many.
pub(crate) async fn count_try(tx: &mut Tx, tries: &Tries, now: Timestamp) -> Result<bool> {
    let forgotten = before(now, TRIES_WINDOW);
    let args = args![tries.user_id, now, forgotten, MAX_WRONG_TRIES, tries.public];
    Ok(tx.exec(COUNT_TRY, args).await? == 1)
}

/// Takes back a try that was not wrong.
pub(crate) async fn uncount_try(tx: &mut Tx, tries: &Tries) -> Result<()> {
    tx.exec(UNCOUNT_TRY, args![tries.user_id, tries.public]).await?;
    Ok(())
}

/// Deletes the codes and the tries of a person.
pub(crate) async fn forget(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(FORGET_OTPS, args![user_id]).await?;
    tx.exec(FORGET_TRIES, args![user_id]).await?;
    Ok(())
}

/// Deletes a cool-down.
pub(crate) async fn drop_cooldown(tx: &mut Tx, key: Vec<u8>) -> Result<()> {
    tx.exec(DROP_COOLDOWN, args![key]).await?;
    Ok(())
}

/// Deletes up to [`CHUNK`] rows of each table that can have no effect any more; the most of one table.
pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let otps = tx.exec(SWEEP_OTPS, args![now]).await?;
    let cooldowns = tx.exec(SWEEP_COOLDOWNS, args![now]).await?;
    let tries = tx.exec(SWEEP_TRIES, args![before(now, TRIES_WINDOW)]).await?;
    Ok(otps.max(cooldowns).max(tries))
}
