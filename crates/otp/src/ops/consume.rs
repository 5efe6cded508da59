//! Use up a code or a link token. It says whether it was good, and whose it was; never why it was not.

use denizen_db::Tx;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::same_secret;

use crate::App;
use crate::error::Result;
use crate::events::OtpBurnt;
use crate::model::{Channel, Otp, OtpId, Purpose, decode_token, parse_code};
use crate::store::{self, Tries};

/// What somebody brings.
#[derive(Clone)]
pub(crate) enum Proof {
    /// The code that a person has for the purpose.
    UserCode { user_id: UserId, code: String },
    /// The code of an id that `SendOtp` gave.
    IssueCode { id: OtpId, code: String },
    /// The token of a link.
    Token(String),
}

/// Whose proof it was, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    pub(crate) user_id: UserId,
    pub(crate) target: Vec<u8>,
    pub(crate) channel: Channel,
}

/// Uses a proof up for another service; none when it is dead, used, foreign or wrong.
pub(crate) async fn consume(app: &App, cx: &Cx, purpose: Purpose, proof: &Proof) -> Result<Option<Proved>> {
    cx.require_service(&[Role::Users, Role::Auth, Role::Password])?;
    redeem(app, cx, purpose, proof).await
}

/// Uses a proof up; who may is the caller's to decide.
pub(super) async fn redeem(app: &App, cx: &Cx, purpose: Purpose, proof: &Proof) -> Result<Option<Proved>> {
    let proved = match proof {
        Proof::Token(token) => redeem_token(app, cx, purpose, token).await?,
        Proof::UserCode { code, .. } | Proof::IssueCode { code, .. } => {
            let Some(code) = parse_code(code, app.config.length) else { return Ok(None) };
            let mut tx = app.db.write_relaxed(STEPS).await?;
            let otp = match proof {
                Proof::UserCode { user_id, .. } => {
                    store::live_of(&mut tx, *user_id, purpose, cx.now()).await?
                }
                Proof::IssueCode { id, .. } => store::otp(&mut tx, *id).await?,
                Proof::Token(_) => None,
            };
            match otp.filter(|otp| otp.purpose == purpose) {
                Some(otp) => redeem_code(app, cx, tx, (&otp, code)).await?,
                None => None,
            }
        }
    };
    let result = if proved.is_some() { "valid" } else { "invalid" };
    metrics::counter!("denizen_otp_redeemed_total", "purpose" => purpose.as_str(), "result" => result)
        .increment(1);
    Ok(proved)
}

/// Why these writes need not be serialisable.
const STEPS: &str = "each step is one conditional statement on one row, which it locks until the end";

/// Counts the try on the account and on the code, then compares, all in one transaction: however many come at once,
/// no more are compared than may be.
async fn redeem_code(app: &App, cx: &Cx, mut tx: Tx, (otp, code): (&Otp, &str)) -> Result<Option<Proved>> {
    let Some(user_id) = otp.user_id else { return Ok(None) };
    let tries = Tries { user_id, public: otp.purpose.is_public() };
    if !store::count_try(&mut tx, &tries, cx.now()).await? {
        return Ok(None);
    }
    let most = app.config.max_attempts;
    let Some(attempts) = store::reserve_try(&mut tx, otp.id, cx.now(), most).await? else { return Ok(None) };
    let right = same_secret(code.as_bytes(), app.keys.code(otp, app.config.length).as_bytes());
    if right && store::use_up(&mut tx, otp.id, cx.now()).await? {
        store::uncount_try(&mut tx, &tries).await?;
        tx.commit().await?;
        return Ok(Some(Proved { user_id, target: otp.target.clone(), channel: otp.channel }));
    }
    if attempts >= most {
        store::end(&mut tx, otp.id, cx.now()).await?;
        tx.emit(cx, OtpBurnt { user_id, otp_id: otp.id, purpose: otp.purpose });
    }
    tx.commit().await?;
    Ok(None)
}

async fn redeem_token(app: &App, cx: &Cx, purpose: Purpose, token: &str) -> Result<Option<Proved>> {
    let mut tx = app.db.write_relaxed(STEPS).await?;
    let Some((otp, proved)) = find_token(app, &mut tx, purpose, token).await? else { return Ok(None) };
    if !store::use_up(&mut tx, otp.id, cx.now()).await? {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(proved))
}

/// What a token would prove now, and whose it is; it stays as good as it was.
pub(crate) async fn look(app: &App, cx: &Cx, purpose: Purpose, token: &str) -> Result<Option<Proved>> {
    cx.require_service(&[Role::Users])?;
    let found = find_token(app, &mut app.db.single().await?, purpose, token).await?;
    Ok(found.filter(|(otp, _)| !otp.is_over(cx.now())).map(|(_, proved)| proved))
}

async fn find_token(app: &App, tx: &mut Tx, purpose: Purpose, token: &str) -> Result<Option<(Otp, Proved)>> {
    let Some((id, proof)) = decode_token(token) else { return Ok(None) };
    let Some(otp) = store::otp(tx, id).await? else { return Ok(None) };
    let Some(user_id) = otp.user_id else { return Ok(None) };
    let fits = otp.purpose == purpose && purpose.has_link() && app.keys.is_token_of(&otp, &proof);
    let proved = Proved { user_id, target: otp.target.clone(), channel: otp.channel };
    Ok(fits.then_some((otp, proved)))
}
