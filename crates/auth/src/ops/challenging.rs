//! The second factor's part of a login: the challenge after the right password, and what redeems it.

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::{Timestamp, after};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::decode;

use super::failure::{Method, failed};
use super::opening::Proved;
use crate::App;
use crate::error::{Error, Result};
use crate::events::{FactorCodeDue, LoginChallenged, RecoveryCodeUsed};
use crate::model::{CHALLENGE_TTL, Challenge, ChallengeId, ChallengeToken, Channel, OtpId};
use crate::peers::Account;
use crate::store;

/// The channel of a person's second factor, if they have one.
pub(super) async fn required_channel(app: &App, user_id: UserId) -> Result<Option<Channel>> {
    Ok(store::factor(&mut app.db.single().await?, user_id).await?.channel())
}

/// Somebody whose password was right, and what more is asked.
pub(super) struct Awaited {
    pub(super) account: Account,
    /// The person's epoch before the password was checked.
    pub(super) epoch: i64,
    pub(super) channel: Channel,
}

/// Opens a challenge and lets its code be sent. Further logins within the cool-down wait for the code that is under
/// way, so that nobody who knows the password can flood the owner.
pub(super) async fn challenge(app: &App, cx: &Cx, awaited: Awaited) -> Result<p::Challenge> {
    let user_id = awaited.account.id;
    if let Err(error) = awaited.account.require_active() {
        return Err(failed(app, cx, Some(user_id), Method::Password, error).await?);
    }
    let open = || async { open(app, cx, &awaited).await.map_err(Problem::from) };
    let opened = app.db.run(cx, open).await?;
    Ok(shown(app, &opened, awaited.channel))
}

async fn open(app: &App, cx: &Cx, awaited: &Awaited) -> Result<Challenge> {
    let (user_id, now) = (awaited.account.id, cx.now());
    let mut tx = app.db.write().await?;
    if store::epoch(&mut tx, user_id).await? != awaited.epoch {
        return Err(Error::Overtaken);
    }
    let under_way = store::recent_challenge(&mut tx, user_id, now).await?;
    let challenge = Challenge {
        id: cx.id(),
        user_id,
        nonce: cx.random::<16>().to_vec(),
        epoch: awaited.epoch,
        otp_id: under_way.as_ref().map_or_else(|| cx.id(), |other| other.otp_id),
        sent_at: under_way.as_ref().map_or(now, |other| other.sent_at),
        expires_at: after(now, CHALLENGE_TTL),
    };
    store::insert_challenge(&mut tx, &challenge).await?;
    if under_way.is_none() {
        send_code(cx, &mut tx, (user_id, awaited.channel), challenge.otp_id, challenge.expires_at);
    }
    tx.emit(cx, LoginChallenged { user_id, channel: awaited.channel.as_str() });
    tx.commit().await?;
    Ok(challenge)
}

/// Says within a transaction that the code of a login is due.
pub(super) fn send_code(
    cx: &Cx,
    tx: &mut Tx,
    (user_id, channel): (UserId, Channel),
    otp_id: OtpId,
    until: Timestamp,
) {
    let (otp_id, channel, until) = (otp_id.uuid(), channel.as_str(), until.as_second());
    tx.emit(cx, FactorCodeDue { user_id, otp_id, channel, reason: "login", until });
}

/// What the client learns of a challenge.
pub(super) fn shown(app: &App, challenge: &Challenge, channel: Channel) -> p::Challenge {
    p::Challenge {
        challenge: ChallengeToken::new(&app.keys.challenge, challenge.id, &challenge.nonce).to_text(),
        channels: vec![channel.as_str().to_owned()],
        expires_at: Some(decode::to_wire(challenge.expires_at)),
    }
}

/// The challenge that a client holds, if this service made it, whether or not it is open.
pub(super) async fn held(app: &App, token: &str) -> Result<Option<Challenge>> {
    let Some(token) = ChallengeToken::parse(token) else { return Ok(None) };
    let challenge = store::challenge(&mut app.db.single().await?, token.id).await?;
    Ok(challenge.filter(|challenge| token.is_genuine(&app.keys.challenge, &challenge.nonce)))
}

/// What a login spends when it opens its session.
#[derive(Clone, Debug)]
pub(super) struct Redeemed {
    pub(super) challenge: ChallengeId,
    /// Digest of the recovery code, if it was one.
    pub(super) recovery: Option<Vec<u8>>,
}

/// Spends the challenge within the transaction that makes the session, so that it makes no other; without one, lets
/// pass only who has no second factor at this moment.
pub(super) async fn spend(cx: &Cx, tx: &mut Tx, proved: &Proved) -> Result<()> {
    let user_id = proved.account.id;
    let Some(redeemed) = &proved.redeemed else {
        let is_off = store::factor(tx, user_id).await?.enabled.is_none();
        return if is_off { Ok(()) } else { Err(Error::Overtaken) };
    };
    if !store::end_challenge(tx, redeemed.challenge).await? {
        return Err(Error::BadChallenge);
    }
    // The code that others of this person wait for is used up.
    store::end_challenges(tx, user_id).await?;
    if let Some(digest) = &redeemed.recovery {
        if !store::use_recovery_code(tx, user_id, digest).await? {
            return Err(Error::BadCode);
        }
        let left = store::recovery_codes_left(tx, user_id).await?;
        tx.emit(cx, RecoveryCodeUsed { user_id, left });
    }
    Ok(())
}
