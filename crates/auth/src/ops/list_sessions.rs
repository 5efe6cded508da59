//! List live sessions, newest first: one's own, or another's with sessions:read. To look at another's is recorded.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;
use denizen_rpc::auth::v1 as p;
use denizen_rpc::{decode, place};

use super::permit::permit;
use crate::App;
use crate::error::{Error, Result};
use crate::events::SessionViewed;
use crate::model::{Cursor, Session};
use crate::store;

/// Which page of whose sessions.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Nobody: the caller's own.
    pub(crate) user_id: Option<UserId>,
    pub(crate) limit: i64,
    pub(crate) cursor: String,
}

/// One page, and the cursor of the next.
pub(crate) async fn list_sessions(app: &App, cx: &Cx, page: &Page) -> Result<p::ListSessionsResponse> {
    let user_id = match page.user_id {
        Some(user_id) => user_id,
        None => cx.require_person()?.user_id,
    };
    permit(app, cx, cx.require_self_or(user_id, Permission::SessionsRead)).await?;
    let place = Cursor::parse(&app.keys.cursor, user_id, &page.cursor).ok_or(Error::BadCursor)?;

    let now = cx.now();
    let mut tx = app.db.single().await?;
    let mut sessions = store::live_sessions(&mut tx, user_id, now, place, page.limit + 1).await?;
    drop(tx);
    let fits = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = sessions.len() > fits;
    sessions.truncate(fits);
    if !cx.is_self(user_id) {
        record_view(app, cx, user_id, sessions.len()).await?;
    }
    let key = app.keys.people.get(cx, user_id).await?;
    let last = sessions.last().filter(|_| has_more).map(|session| Cursor(session.id));
    Ok(p::ListSessionsResponse {
        next_cursor: last.map(|last| last.to_text(&app.keys.cursor, user_id)).unwrap_or_default(),
        sessions: sessions.into_iter().map(|session| view(cx, session, key.as_ref())).collect(),
    })
}

async fn record_view(app: &App, cx: &Cx, user_id: UserId, count: usize) -> Result<()> {
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            tx.emit(cx, SessionViewed { user_id, count });
            tx.commit().await?;
            Ok::<(), Problem>(())
        })
        .await?;
    Ok(())
}

/// The session as its owner sees it. What was sealed under a key that is gone stays hidden.
fn view(cx: &Cx, session: Session, key: Option<&Key>) -> p::Session {
    let open = |what: &str, sealed: Option<&[u8]>| {
        key.zip(sealed).and_then(|(key, sealed)| key.open_text(&place(session.user_id, what), sealed).ok())
    };
    p::Session {
        id: session.id.to_string(),
        user_id: session.user_id.to_string(),
        ip: open("sessions/ip", session.ip_sealed.as_deref()),
        user_agent: open("sessions/user_agent", session.user_agent_sealed.as_deref()),
        created_at: Some(decode::to_wire(session.created_at)),
        last_seen_at: Some(decode::to_wire(session.last_seen_at)),
        expires_at: Some(decode::to_wire(session.expires_at)),
        current: cx.person().is_some_and(|person| person.session_id == Some(session.id)),
        amr: session.amr,
    }
}
