//! A new session for a person who has proved who they are, and its tokens.

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::network::tie;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1::Tokens;
use denizen_rpc::{decode, place};

use super::challenging::{Redeemed, spend};
use super::ending::{end_now, end_one};
use super::failure::{Method, failed};
use super::recognising::recognise;
use super::signing::both_tokens;
use crate::App;
use crate::config::LimitPolicy;
use crate::error::{Error, Result};
use crate::events::SessionStarted;
use crate::model::{Session, expiry, surplus};
use crate::peers::{self, Account};
use crate::store;

/// Most sessions of one person that a login ends; more are ended by the next ones.
const MOST_ENDED: i64 = 1_000;

/// Somebody who has proved who they are.
pub(super) struct Proved {
    pub(super) account: Account,
    /// The person's epoch before the proof was checked.
    pub(super) epoch: i64,
    pub(super) method: Method,
    /// What of the second factor it spends.
    pub(super) redeemed: Option<Redeemed>,
}

/// How often all sessions of a person have been ended, to be read before their proof is checked.
pub(super) async fn epoch(app: &App, user_id: UserId) -> Result<i64> {
    store::epoch(&mut app.db.single().await?, user_id).await
}

/// Opens a session and gives its tokens. The state of the account decides: before the session is written, and once
/// more after it, so that who is blocked in between gets no token.
pub(super) async fn open_session(app: &App, cx: &Cx, proved: Proved) -> Result<Tokens> {
    let (user_id, method) = (proved.account.id, proved.method);
    if let Err(error) = proved.account.require_active() {
        return Err(failed(app, cx, Some(user_id), method, error).await?);
    }
    let sealed = seal_client(app, cx, user_id).await?;
    let begun =
        app.db.run(cx, || async { begin(app, cx, &proved, &sealed).await.map_err(Problem::from) }).await?;
    let Some(session) = begun else {
        return Err(failed(app, cx, Some(user_id), method, Error::TooManySessions).await?);
    };
    app.feed.ring();

    let account = peers::account(app, cx, user_id).await?;
    let state = account.as_ref().map_or(Err(Error::BadCredentials), Account::require_active);
    if let Err(error) = state {
        let error = failed(app, cx, Some(user_id), method, error).await?;
        end_now(app, cx, session.id, end_reason(&error)).await?;
        return Err(error);
    }
    let mut user = account.map_or(proved.account.user, |account| account.user);
    user.last_login_at = Some(decode::to_wire(session.created_at));
    both_tokens(app, cx, &session, user).await
}

/// The reason of the end of a session whose account may have no tokens.
pub(super) const fn end_reason(error: &Error) -> &'static str {
    match error {
        Error::Account(code) => code.as_str(),
        _ => Code::AccountDeleted.as_str(),
    }
}

/// What the client is, sealed under the person's key.
#[derive(Debug, Default)]
struct Client {
    ip: Option<Vec<u8>>,
    user_agent: Option<Vec<u8>>,
}

async fn seal_client(app: &App, cx: &Cx, user_id: UserId) -> Result<Client> {
    let Some(key) = app.keys.people.get(cx, user_id).await? else { return Ok(Client::default()) };
    let call = cx.call();
    let ip = call.ip.map(|ip| key.seal_text(&place(user_id, "sessions/ip"), &ip.to_string()));
    let user_agent = call.user_agent.as_deref();
    let user_agent = user_agent.map(|text| key.seal_text(&place(user_id, "sessions/user_agent"), text));
    Ok(Client { ip, user_agent })
}

/// Writes the session; none when there are as many as are allowed and the policy is to refuse.
async fn begin(app: &App, cx: &Cx, proved: &Proved, client: &Client) -> Result<Option<Session>> {
    let session = new_session(app, cx, proved, client);
    let mut tx = app.db.write().await?;
    if store::epoch(&mut tx, session.user_id).await? != proved.epoch {
        return Err(Error::Overtaken);
    }
    if !make_room(app, cx, &mut tx, session.user_id).await? {
        return Ok(None);
    }
    spend(cx, &mut tx, proved).await?;
    store::insert_session(&mut tx, &session).await?;
    recognise(app, cx, &mut tx, &session).await?;
    let method = proved.method.as_str();
    let (user_id, session_id, amr) = (session.user_id, session.id, session.amr.clone());
    tx.emit(cx, SessionStarted { user_id, session_id, amr, method });
    tx.commit().await?;
    Ok(Some(session))
}

fn new_session(app: &App, cx: &Cx, proved: &Proved, client: &Client) -> Session {
    let now = cx.now();
    let id = cx.id();
    let bound_to = cx.call().ip.filter(|_| app.config.bind_ip);
    Session {
        id,
        user_id: proved.account.id,
        generation: 1,
        nonce: cx.random::<16>().to_vec(),
        created_at: now,
        last_seen_at: now,
        rotated_at: now,
        expires_at: expiry(now, now, &app.config),
        ended_at: None,
        ip_sealed: client.ip.clone(),
        user_agent_sealed: client.user_agent.clone(),
        tie: bound_to.map(|ip| tie(&app.keys.networks, id, ip).to_vec()),
        amr: proved.method.amr().iter().map(|method| (*method).to_owned()).collect(),
        auth_time: now,
    }
}

/// Lets there be room for one more session; false when there is none and the policy is to refuse.
async fn make_room(app: &App, cx: &Cx, tx: &mut Tx, user_id: UserId) -> Result<bool> {
    if app.config.max_sessions == 0 {
        return Ok(true);
    }
    let most = i64::from(app.config.max_sessions).saturating_add(MOST_ENDED);
    let live = store::oldest_live(tx, user_id, cx.now(), most).await?;
    let surplus = surplus(live.len(), app.config.max_sessions);
    if surplus > 0 && app.config.session_limit_policy == LimitPolicy::Refuse {
        return Ok(false);
    }
    for id in live.into_iter().take(surplus) {
        end_one(app, cx, tx, id, "session_limit").await?;
    }
    Ok(true)
}
