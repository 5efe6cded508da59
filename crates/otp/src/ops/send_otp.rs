//! Send a code: makes the row and says that a message is due. It does not make the code, nor look an identifier up.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, after, elapsed};

use crate::App;
use crate::error::{Error, Result};
use crate::events::OtpDue;
use crate::model::{Channel, MAX_IDENTIFIER, Otp, OtpId, Purpose};
use crate::store;

/// Who gets the code.
#[derive(Clone, Debug)]
pub(crate) enum Recipient {
    /// Who asks.
    Caller,
    /// This person, by a service; or who asks, by their id.
    User(UserId),
    /// Whoever has this login identifier, if anybody.
    Identifier(String),
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct SendWish {
    pub(crate) purpose: Purpose,
    pub(crate) channel: Option<Channel>,
    pub(crate) recipient: Recipient,
}

/// What the caller learns.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) id: OtpId,
    pub(crate) expires_at: Timestamp,
}

pub(crate) async fn send_otp(app: &App, cx: &Cx, wish: &SendWish) -> Result<Sent> {
    match &wish.recipient {
        Recipient::Caller => send_to_user(app, cx, wish, cx.require_person()?.user_id).await,
        Recipient::User(user_id) => {
            cx.require_self_or(*user_id, Permission::NotificationsSend)?;
            send_to_user(app, cx, wish, *user_id).await
        }
        Recipient::Identifier(identifier) => send_to_identifier(app, cx, wish, identifier.trim()).await,
    }
}

async fn send_to_user(app: &App, cx: &Cx, wish: &SendWish, user_id: UserId) -> Result<Sent> {
    let channel = channel(wish.purpose, wish.channel, Channel::Email)?;
    let otp = Otp { user_id: Some(user_id), ..new_row(app, cx, wish.purpose, channel) };
    let key = app.keys.cooldown_of_user(user_id, wish.purpose);
    if let Some(running) = write(app, cx, &otp, key).await? {
        return Err(Error::TooSoon(elapsed(cx.now(), running)));
    }
    Ok(Sent { id: otp.id, expires_at: otp.code_expires_at })
}

/// The way of somebody who is not logged in: the same steps and the same answer for every identifier. Within the
/// cool-down the id is one that never validates.
async fn send_to_identifier(app: &App, cx: &Cx, wish: &SendWish, identifier: &str) -> Result<Sent> {
    if !wish.purpose.is_public() {
        return Err(Error::Unacceptable(
            "/identifier",
            "not_allowed",
            "identifier goes with the purposes login and password_reset; leave it out and log in for the others",
        ));
    }
    if identifier.is_empty() || identifier.chars().count() > MAX_IDENTIFIER {
        let detail = "give an e-mail address, user name or mobile number of at most 320 characters";
        return Err(Error::Unacceptable("/identifier", "out_of_range", detail));
    }
    let channel = channel(wish.purpose, wish.channel, Channel::of_identifier(identifier))?;
    let mut otp = new_row(app, cx, wish.purpose, channel);
    otp.identifier_sealed = Some(app.keys.seal_identifier(otp.id, identifier));
    let key = app.keys.cooldown_of_identifier(identifier, wish.purpose);
    write(app, cx, &otp, key).await?;
    Ok(Sent { id: otp.id, expires_at: otp.code_expires_at })
}

fn channel(purpose: Purpose, wanted: Option<Channel>, otherwise: Channel) -> Result<Channel> {
    match (purpose.bound_to(), wanted) {
        (Some(bound), Some(wanted)) if bound != wanted => {
            let detail = "verify_email goes by email and verify_mobile by sms; leave channel out";
            Err(Error::Unacceptable("/channel", "not_allowed", detail))
        }
        (Some(bound), _) => Ok(bound),
        (None, wanted) => Ok(wanted.unwrap_or(otherwise)),
    }
}

fn new_row(app: &App, cx: &Cx, purpose: Purpose, channel: Channel) -> Otp {
    let otp = Otp::requested(cx.id(), purpose, channel, cx.now(), &app.config);
    Otp { nonce: cx.random::<16>().to_vec(), ..otp }
}

/// Writes the row and says that it is due, or says until when a cool-down runs.
async fn write(app: &App, cx: &Cx, otp: &Otp, cooldown: Vec<u8>) -> Result<Option<Timestamp>> {
    let mut tx = app.db.write().await?;
    let until = after(cx.now(), app.config.resend_cooldown);
    if let Some(running) = store::start_cooldown(&mut tx, cooldown, cx.now(), until).await? {
        return Ok(Some(running));
    }
    store::insert(&mut tx, otp).await?;
    let event = OtpDue { user_id: otp.user_id, otp_id: otp.id, channel: otp.channel, purpose: otp.purpose };
    tx.emit(cx, event);
    tx.commit().await?;
    Ok(None)
}
