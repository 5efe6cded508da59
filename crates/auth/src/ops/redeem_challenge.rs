//! Complete a login by its second factor: the code that was sent, or a recovery code. Five tries in all, whatever
//! happens in between; the account is looked at anew.

use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_rpc::auth::v1::Tokens;
use denizen_rpc::auth::v1::login_response::Result as Outcome;
use denizen_rpc::otp::v1::Purpose;

use super::challenging::{Redeemed, held};
use super::counting::counted;
use super::failure::{Method, failed};
use super::opening::{Proved, epoch, open_session};
use crate::App;
use crate::error::{Error, Result};
use crate::model::{Challenge, ChallengeLogin, CodeLogin, RecoveryCode};
use crate::{peers, store};

/// Counts the try, checks the code, and opens a session.
pub(crate) async fn redeem_challenge(app: &App, cx: &Cx, wanted: ChallengeLogin) -> Result<Outcome, Problem> {
    counted(redeem(app, cx, wanted).await.map(Outcome::Tokens))
}

async fn redeem(app: &App, cx: &Cx, wanted: ChallengeLogin) -> Result<Tokens> {
    let challenge = held(app, &wanted.challenge).await?;
    let user_id = challenge.as_ref().map(|challenge| challenge.user_id);
    let Some(challenge) = reserved(app, cx, challenge).await? else {
        return Err(failed(app, cx, user_id, Method::SecondFactor, Error::BadChallenge).await?);
    };
    let user_id = challenge.user_id;
    let account = peers::account(app, cx, user_id).await?;
    let is_present = epoch(app, user_id).await? == challenge.epoch;
    let Some(account) = account.filter(|_| is_present) else {
        return Err(failed(app, cx, Some(user_id), Method::SecondFactor, Error::BadChallenge).await?);
    };
    let Some((method, recovery)) = check(app, cx, &challenge, &wanted.code).await? else {
        return Err(failed(app, cx, Some(user_id), Method::SecondFactor, Error::BadCode).await?);
    };
    let redeemed = Some(Redeemed { challenge: challenge.id, recovery });
    open_session(app, cx, Proved { account, epoch: challenge.epoch, method, redeemed }).await
}

/// The challenge with one try less, if it is open.
async fn reserved(app: &App, cx: &Cx, challenge: Option<Challenge>) -> Result<Option<Challenge>> {
    let Some(challenge) = challenge else { return Ok(None) };
    let reserve = || async {
        let reason = "one conditional statement on one row counts the tries";
        let mut tx = app.db.write_relaxed(reason).await?;
        let is_open = store::reserve_try(&mut tx, challenge.id, cx.now()).await?;
        tx.commit().await?;
        Ok::<bool, Problem>(is_open)
    };
    Ok(app.db.run(cx, reserve).await?.then_some(challenge))
}

/// By what the person has proved that the factor is theirs; none when the code is not good. A sent code is used up, a
/// recovery code is not until the session is made.
async fn check(
    app: &App,
    cx: &Cx,
    challenge: &Challenge,
    code: &str,
) -> Result<Option<(Method, Option<Vec<u8>>)>> {
    let user_id = challenge.user_id;
    if let Some(code) = RecoveryCode::parse(code) {
        let digest = code.digest(&app.keys.recovery, user_id);
        let is_one = store::has_recovery_code(&mut app.db.single().await?, user_id, &digest).await?;
        return Ok(is_one.then_some((Method::Recovery, Some(digest))));
    }
    let proof = CodeLogin { otp_id: challenge.otp_id.to_string(), code: code.to_owned() };
    let used = peers::consume_code(app, cx, Purpose::SecondFactor, &proof).await?;
    Ok(used.filter(|used| used.user_id == user_id).map(|_| (Method::SecondFactor, None)))
}
