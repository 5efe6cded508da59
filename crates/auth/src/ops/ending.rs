//! The end of sessions: the row, the revocation and the event, all in one transaction.

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::time::Timestamp;

use crate::App;
use crate::error::Result;
use crate::events::SessionEnded;
use crate::model::revoked_until;
use crate::store::{self, Ended, Revocation};

/// Ends one session within a transaction; says whether it was live.
pub(super) async fn end_one(app: &App, cx: &Cx, tx: &mut Tx, id: SessionId, reason: &str) -> Result<bool> {
    let ended = store::end_session(tx, id, cx.now(), reason).await?;
    record(app, cx, tx, ended.as_slice(), reason).await?;
    Ok(ended.is_some())
}

/// Whose sessions end, which one lives on, and why.
pub(super) struct All<'a> {
    pub(super) user_id: UserId,
    pub(super) except: Option<SessionId>,
    pub(super) reason: &'a str,
}

/// Ends a person's sessions within a transaction; says how many were live.
pub(super) async fn end_all(app: &App, cx: &Cx, tx: &mut Tx, all: &All<'_>) -> Result<i64> {
    let ended = store::end_sessions(tx, all.user_id, all.except, cx.now(), all.reason).await?;
    record(app, cx, tx, &ended, all.reason).await?;
    Ok(i64::try_from(ended.len()).unwrap_or(i64::MAX))
}

/// Whose account was closed, when, and why.
pub(super) struct Closed {
    pub(super) user_id: UserId,
    pub(super) at: Timestamp,
    pub(super) reason: &'static str,
}

/// Ends those of a person's sessions within a transaction that had begun when the account was closed.
pub(super) async fn end_begun(app: &App, cx: &Cx, tx: &mut Tx, closed: &Closed) -> Result<()> {
    let ended = store::end_begun(tx, closed.user_id, closed.at, cx.now(), closed.reason).await?;
    record(app, cx, tx, &ended, closed.reason).await
}

async fn record(app: &App, cx: &Cx, tx: &mut Tx, ended: &[Ended], reason: &str) -> Result<()> {
    let now = cx.now();
    for session in ended {
        let valid_until = revoked_until(session.expires_at, now, &app.config);
        let revocation = Revocation { session_id: session.id, ended_at: now, valid_until };
        store::insert_revocation(tx, &revocation).await?;
        let (user_id, session_id) = (session.user_id, session.id);
        tx.emit(cx, SessionEnded { user_id, session_id, reason: reason.to_owned() });
    }
    Ok(())
}

/// Lets no access token count any more that was made with a client secret.
pub(super) async fn revoke(app: &App, cx: &Cx, tx: &mut Tx, secret_id: SessionId) -> Result<()> {
    let valid_until = revoked_until(Timestamp::MAX, cx.now(), &app.config);
    let revocation = Revocation { session_id: secret_id, ended_at: cx.now(), valid_until };
    store::insert_revocation(tx, &revocation).await
}

/// Ends one session in a write of its own, after other work of the same call.
pub(super) async fn end_now(app: &App, cx: &Cx, id: SessionId, reason: &str) -> Result<()> {
    let cx = &apart(cx);
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            end_one(app, cx, &mut tx, id, reason).await?;
            tx.commit().await?;
            Ok(())
        })
        .await?;
    app.feed.ring();
    Ok(())
}

/// The same call with draws of its own: a second write of one call must not draw what the first one drew, which a
/// rerun would.
pub(super) fn apart(cx: &Cx) -> Cx {
    Cx::new(cx.call().clone(), cx.clock().clone())
}
