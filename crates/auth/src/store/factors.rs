//! The tables of second factors, recovery codes and challenges.

use denizen_db::{Error as DbError, FromRow, Row, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, before};

use crate::error::Result;
use crate::model::{
    CHALLENGE_TRIES, Challenge, ChallengeId, Channel, Factor, OtpId, Pending, RESEND_COOLDOWN,
};

const FACTOR: &str = "SELECT channel, enabled_at, pending_channel, pending_otp_id, pending_since \
     FROM second_factors WHERE user_id = $1";

const PUT_PENDING: &str = "INSERT INTO second_factors (user_id, pending_channel, pending_otp_id, pending_since) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO UPDATE SET pending_channel = excluded.pending_channel, \
     pending_otp_id = excluded.pending_otp_id, pending_since = excluded.pending_since";

const ENABLE: &str = "UPDATE second_factors SET channel = pending_channel, enabled_at = $3, pending_channel = NULL, \
     pending_otp_id = NULL, pending_since = NULL WHERE user_id = $1 AND pending_otp_id = $2";

const DELETE_FACTOR: &str = "DELETE FROM second_factors WHERE user_id = $1";

/// A person's second factor; nothing in force and nothing pending when there is none.
pub(crate) async fn factor(tx: &mut Tx, user_id: UserId) -> Result<Factor> {
    Ok(tx.opt(FACTOR, args![user_id]).await?.unwrap_or_default())
}

/// Lets a channel wait for its proof, in place of another that does.
pub(crate) async fn put_pending(tx: &mut Tx, user_id: UserId, pending: &Pending) -> Result<()> {
    let args = args![user_id, pending.channel.as_str(), pending.otp_id, pending.since];
    tx.exec(PUT_PENDING, args).await?;
    Ok(())
}

/// Puts the pending channel into force, if it is still the one of this code; says whether it was.
pub(crate) async fn enable(tx: &mut Tx, user_id: UserId, otp_id: OtpId, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(ENABLE, args![user_id, otp_id, now]).await? == 1)
}

/// Deletes all that is kept of a person's second factor.
pub(crate) async fn forget_factor(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(DELETE_FACTOR, args![user_id]).await?;
    tx.exec(DELETE_RECOVERY_CODES, args![user_id]).await?;
    tx.exec(END_CHALLENGES, args![user_id]).await?;
    Ok(())
}

// --- recovery codes

const INSERT_RECOVERY_CODE: &str = "INSERT INTO recovery_codes (user_id, digest) VALUES ($1, $2)";

const DELETE_RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = $1";

const COUNT_RECOVERY_CODES: &str = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1";

const HAS_RECOVERY_CODE: &str = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND digest = $2";

const USE_RECOVERY_CODE: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND digest = $2";

/// Replaces a person's recovery codes.
pub(crate) async fn put_recovery_codes(tx: &mut Tx, user_id: UserId, digests: &[Vec<u8>]) -> Result<()> {
    tx.exec(DELETE_RECOVERY_CODES, args![user_id]).await?;
    for digest in digests {
        tx.exec(INSERT_RECOVERY_CODE, args![user_id, digest.as_slice()]).await?;
    }
    Ok(())
}

/// How many recovery codes a person has left.
pub(crate) async fn recovery_codes_left(tx: &mut Tx, user_id: UserId) -> Result<i64> {
    let (count,): (i64,) = tx.one(COUNT_RECOVERY_CODES, args![user_id]).await?;
    Ok(count)
}

/// Whether this is one of a person's recovery codes.
pub(crate) async fn has_recovery_code(tx: &mut Tx, user_id: UserId, digest: &[u8]) -> Result<bool> {
    let (count,): (i64,) = tx.one(HAS_RECOVERY_CODE, args![user_id, digest]).await?;
    Ok(count == 1)
}

/// Uses a recovery code up; says whether it was there.
pub(crate) async fn use_recovery_code(tx: &mut Tx, user_id: UserId, digest: &[u8]) -> Result<bool> {
    Ok(tx.exec(USE_RECOVERY_CODE, args![user_id, digest]).await? == 1)
}

// --- challenges

const CHALLENGE: &str =
    "SELECT id, user_id, nonce, epoch, otp_id, sent_at, expires_at FROM challenges WHERE id = $1";

const LATEST_CHALLENGE: &str = "SELECT id, user_id, nonce, epoch, otp_id, sent_at, expires_at FROM challenges \
     WHERE user_id = $1 AND sent_at > $2 AND expires_at > $3 ORDER BY sent_at DESC LIMIT 1";

const INSERT_CHALLENGE: &str = "INSERT INTO challenges (id, user_id, nonce, epoch, otp_id, sent_at, tries, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, 0, $7)";

const RESERVE_CHALLENGE: &str =
    "UPDATE challenges SET tries = tries + 1 WHERE id = $1 AND expires_at > $2 AND tries < $3";

const RESEND_CHALLENGES: &str = "UPDATE challenges SET otp_id = $3, sent_at = $4 \
     WHERE user_id = $1 AND otp_id = $2 AND sent_at <= $5";

const END_CHALLENGE: &str = "DELETE FROM challenges WHERE id = $1";

const END_CHALLENGES: &str = "DELETE FROM challenges WHERE user_id = $1";

const DELETE_EXPIRED_CHALLENGES: &str = "DELETE FROM challenges WHERE id IN \
     (SELECT id FROM challenges WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// The challenge of an id, open or not.
pub(crate) async fn challenge(tx: &mut Tx, id: ChallengeId) -> Result<Option<Challenge>> {
    Ok(tx.opt(CHALLENGE, args![id]).await?)
}

/// The open challenge of a person whose code was sent last, if that was within the cool-down.
pub(crate) async fn recent_challenge(
    tx: &mut Tx,
    user_id: UserId,
    now: Timestamp,
) -> Result<Option<Challenge>> {
    Ok(tx.opt(LATEST_CHALLENGE, args![user_id, before(now, RESEND_COOLDOWN), now]).await?)
}

/// Adds a challenge.
pub(crate) async fn insert_challenge(tx: &mut Tx, challenge: &Challenge) -> Result<()> {
    let args = args![
        challenge.id,
        challenge.user_id,
        challenge.nonce.as_slice(),
        challenge.epoch,
        challenge.otp_id,
        challenge.sent_at,
        challenge.expires_at,
    ];
    tx.exec(INSERT_CHALLENGE, args).await?;
    Ok(())
}

/// Counts a try against a challenge before it is looked at; false when the challenge is over.
pub(crate) async fn reserve_try(tx: &mut Tx, id: ChallengeId, now: Timestamp) -> Result<bool> {
    Ok(tx.exec(RESERVE_CHALLENGE, args![id, now, CHALLENGE_TRIES]).await? == 1)
}

/// Gives all challenges that wait for one code another one, unless it was sent within the cool-down.
pub(crate) async fn resend(
    tx: &mut Tx,
    challenge: &Challenge,
    otp_id: OtpId,
    now: Timestamp,
) -> Result<bool> {
    let args = args![challenge.user_id, challenge.otp_id, otp_id, now, before(now, RESEND_COOLDOWN)];
    Ok(tx.exec(RESEND_CHALLENGES, args).await? > 0)
}

/// Ends a challenge; false when it had ended.
pub(crate) async fn end_challenge(tx: &mut Tx, id: ChallengeId) -> Result<bool> {
    Ok(tx.exec(END_CHALLENGE, args![id]).await? == 1)
}

/// Ends all challenges of a person.
pub(crate) async fn end_challenges(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(END_CHALLENGES, args![user_id]).await?;
    Ok(())
}

/// Deletes challenges that expired before a time, at most `limit`; says how many.
pub(crate) async fn delete_challenges(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(tx.exec(DELETE_EXPIRED_CHALLENGES, args![before, limit]).await?)
}

// --- rows

fn channel(row: &Row<'_>, index: usize) -> denizen_db::Result<Option<Channel>> {
    let Some(text) = row.get::<Option<String>>(index)? else { return Ok(None) };
    let unknown = DbError::Misuse("a row of second_factors has an unknown channel");
    Channel::parse(&text).map(Some).ok_or(unknown)
}

impl FromRow for Factor {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let pending = match (channel(row, 2)?, row.get(3)?, row.get(4)?) {
            (Some(channel), Some(otp_id), Some(since)) => Some(Pending { channel, otp_id, since }),
            _ => None,
        };
        Ok(Self { enabled: channel(row, 0)?.zip(row.get(1)?), pending })
    }
}

impl FromRow for Challenge {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            nonce: row.get(2)?,
            epoch: row.get(3)?,
            otp_id: row.get(4)?,
            sent_at: row.get(5)?,
            expires_at: row.get(6)?,
        })
    }
}
