//! The tables of sessions and of epochs.

use denizen_db::{FromRow, Row, Tx, args};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::time::Timestamp;

use crate::error::Result;
use crate::model::{Cursor, Session, day};

/// A session that has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: Timestamp,
}

const SESSION: &str = "SELECT id, user_id, generation, nonce, created_at, last_seen_at, rotated_at, expires_at, \
     ended_at, ip_sealed, user_agent_sealed, amr, auth_time, tie FROM sessions WHERE id = $1";

const LIVE_SESSIONS: &str = "SELECT id, user_id, generation, nonce, created_at, last_seen_at, rotated_at, \
     expires_at, ended_at, ip_sealed, user_agent_sealed, amr, auth_time, tie FROM sessions \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id < $3 ORDER BY id DESC LIMIT $4";

const OLDEST_LIVE: &str = "SELECT id FROM sessions \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id LIMIT $3";

const INSERT_SESSION: &str = "INSERT INTO sessions (id, user_id, generation, nonce, created_at, last_seen_at, \
     rotated_at, expires_at, ip_sealed, user_agent_sealed, amr, auth_time, tie, expires_on) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

const ROTATE: &str = "UPDATE sessions SET generation = generation + 1, rotated_at = $3, last_seen_at = $3, \
     expires_at = $4, expires_on = $5 WHERE id = $1 AND generation = $2 AND ended_at IS NULL";

const STEP_UP: &str = "UPDATE sessions SET auth_time = $3, amr = $4 \
     WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3";

const END_SESSION: &str = "UPDATE sessions SET ended_at = $2, end_reason = $3 \
     WHERE id = $1 AND ended_at IS NULL AND expires_at > $2 RETURNING id, user_id, expires_at";

const END_SESSIONS: &str = "UPDATE sessions SET ended_at = $2, end_reason = $3 \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id <> $4 RETURNING id, user_id, expires_at";

const END_BEGUN: &str = "UPDATE sessions SET ended_at = $3, end_reason = $4 \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $3 AND created_at <= $2 \
     RETURNING id, user_id, expires_at";

const DELETE_ENDED: &str = "DELETE FROM sessions WHERE id IN \
     (SELECT id FROM sessions WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)";

const EXPIRE_SESSIONS: &str = "UPDATE sessions SET ended_at = expires_at, end_reason = 'expired' \
     WHERE ended_at IS NULL AND id IN (SELECT id FROM sessions \
     WHERE ended_at IS NULL AND expires_on < $1 ORDER BY expires_on LIMIT $2) RETURNING id, user_id, expires_at";

const NOTE_SEEN: &str = "UPDATE sessions SET last_seen_at = $2 \
     WHERE id = $1 AND ended_at IS NULL AND last_seen_at <= $3";

/// The session of an id, live or not.
pub(crate) async fn session(tx: &mut Tx, id: SessionId) -> Result<Option<Session>> {
    Ok(tx.opt(SESSION, args![id]).await?)
}

/// A person's live sessions after a place, newest first.
pub(crate) async fn live_sessions(
    tx: &mut Tx,
    user_id: UserId,
    now: Timestamp,
    after: Cursor,
    limit: i64,
) -> Result<Vec<Session>> {
    Ok(tx.all(LIVE_SESSIONS, args![user_id, now, after.0, limit]).await?)
}

/// Ids of a person's live sessions, oldest first, at most `limit`.
pub(crate) async fn oldest_live(
    tx: &mut Tx,
    user_id: UserId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<SessionId>> {
    let rows: Vec<(SessionId,)> = tx.all(OLDEST_LIVE, args![user_id, now, limit]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Adds a session.
pub(crate) async fn insert_session(tx: &mut Tx, session: &Session) -> Result<()> {
    let args = args![
        session.id,
        session.user_id,
        session.generation,
        session.nonce.as_slice(),
        session.created_at,
        session.last_seen_at,
        session.rotated_at,
        session.expires_at,
        session.ip_sealed.as_deref(),
        session.user_agent_sealed.as_deref(),
        session.amr.join(" "),
        session.auth_time,
        session.tie.as_deref(),
        day(session.expires_at),
    ];
    tx.exec(INSERT_SESSION, args).await?;
    Ok(())
}

/// Begins the next generation if this one is still the present one; says whether it was.
pub(crate) async fn rotate(
    tx: &mut Tx,
    id: SessionId,
    generation: i64,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    Ok(tx.exec(ROTATE, args![id, generation, now, expires_at, day(expires_at)]).await? == 1)
}

/// Notes a new proof in a person's live session; says whether there was one.
pub(crate) async fn step_up(
    tx: &mut Tx,
    id: SessionId,
    user_id: UserId,
    now: Timestamp,
    amr: &[String],
) -> Result<bool> {
    Ok(tx.exec(STEP_UP, args![id, user_id, now, amr.join(" ")]).await? == 1)
}

/// Ends a session if it is live.
pub(crate) async fn end_session(
    tx: &mut Tx,
    id: SessionId,
    now: Timestamp,
    reason: &str,
) -> Result<Option<Ended>> {
    Ok(tx.opt(END_SESSION, args![id, now, reason]).await?)
}

/// Ends a person's live sessions but for one.
pub(crate) async fn end_sessions(
    tx: &mut Tx,
    user_id: UserId,
    except: Option<SessionId>,
    now: Timestamp,
    reason: &str,
) -> Result<Vec<Ended>> {
    let except = except.unwrap_or_else(SessionId::nil);
    Ok(tx.all(END_SESSIONS, args![user_id, now, reason, except]).await?)
}

/// Ends a person's live sessions that began at a time or before it.
pub(crate) async fn end_begun(
    tx: &mut Tx,
    user_id: UserId,
    begun: Timestamp,
    now: Timestamp,
    reason: &str,
) -> Result<Vec<Ended>> {
    Ok(tx.all(END_BEGUN, args![user_id, begun, now, reason]).await?)
}

/// Deletes sessions that ended before a time, at most `limit`; says how many.
pub(crate) async fn delete_ended(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64> {
    Ok(tx.exec(DELETE_ENDED, args![before, limit]).await?)
}

/// Ends sessions that expired on a day before one, at most `limit`.
pub(crate) async fn expire_sessions(tx: &mut Tx, day: i64, limit: i64) -> Result<Vec<Ended>> {
    Ok(tx.all(EXPIRE_SESSIONS, args![day, limit]).await?)
}

/// Notes when a live session was last used, unless a use after a time has been noted.
pub(crate) async fn note_seen(tx: &mut Tx, id: SessionId, at: Timestamp, unless: Timestamp) -> Result<()> {
    tx.exec(NOTE_SEEN, args![id, at, unless]).await?;
    Ok(())
}

// --- epochs

const EPOCH: &str = "SELECT epoch FROM user_epochs WHERE user_id = $1";

const RAISE_EPOCH: &str = "INSERT INTO user_epochs (user_id, epoch) VALUES ($1, 1) \
     ON CONFLICT (user_id) DO UPDATE SET epoch = user_epochs.epoch + 1";

/// How often all sessions of a person have been ended.
pub(crate) async fn epoch(tx: &mut Tx, user_id: UserId) -> Result<i64> {
    let row: Option<(i64,)> = tx.opt(EPOCH, args![user_id]).await?;
    Ok(row.map_or(0, |(epoch,)| epoch))
}

/// Raises a person's epoch: logins that are under way are not completed.
pub(crate) async fn raise_epoch(tx: &mut Tx, user_id: UserId) -> Result<()> {
    tx.exec(RAISE_EPOCH, args![user_id]).await?;
    Ok(())
}

// --- rows

impl FromRow for Session {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        let amr: String = row.get(11)?;
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            generation: row.get(2)?,
            nonce: row.get(3)?,
            created_at: row.get(4)?,
            last_seen_at: row.get(5)?,
            rotated_at: row.get(6)?,
            expires_at: row.get(7)?,
            ended_at: row.get(8)?,
            ip_sealed: row.get(9)?,
            user_agent_sealed: row.get(10)?,
            amr: amr.split_whitespace().map(str::to_owned).collect(),
            auth_time: row.get(12)?,
            tie: row.get(13)?,
        })
    }
}

impl FromRow for Ended {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self { id: row.get(0)?, user_id: row.get(1)?, expires_at: row.get(2)? })
    }
}
