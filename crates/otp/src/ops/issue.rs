//! Issue a code: gives notify code and link token for a message. It sends nothing, and keeps neither.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::{Timestamp, after};
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request::By};
use denizen_rpc::users::v1::Status;

use crate::App;
use crate::error::{Error, Result};
use crate::model::{Channel, Otp, OtpId, Purpose};
use crate::store;

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct IssueWish {
    pub(crate) id: OtpId,
    pub(crate) user_id: Option<UserId>,
    pub(crate) purpose: Option<Purpose>,
    pub(crate) target: Vec<u8>,
    /// How a message of its own travels.
    pub(crate) channel: Option<Channel>,
}

/// What goes into the message.
pub(crate) struct Issued {
    pub(crate) code: String,
    pub(crate) token: Option<String>,
    pub(crate) expires_at: Timestamp,
    pub(crate) user_id: UserId,
    pub(crate) purpose: Purpose,
    pub(crate) channel: Channel,
}

/// Code and token for the message, or none when there is nothing to send.
pub(crate) async fn issue(app: &App, cx: &Cx, wish: &IssueWish) -> Result<Option<Issued>> {
    cx.require_service(&[Role::Notify])?;
    let known = store::otp(&mut app.db.single().await?, wish.id).await?;
    let Some(otp) = known else { return issue_for_message(app, cx, wish).await };
    if otp.is_over(cx.now()) {
        return Ok(None);
    }
    let owner = match (otp.user_id, &otp.identifier_sealed) {
        (Some(user_id), _) => Some(user_id),
        (None, Some(sealed)) => owner_of(app, cx, &app.keys.open_identifier(otp.id, sealed)?).await?,
        (None, None) => None,
    };
    let Some(user_id) = owner else {
        end(app, cx, otp.id).await?;
        return Ok(None);
    };
    let target = if otp.target.is_empty() { wish.target.clone() } else { otp.target.clone() };
    let issued = Otp {
        user_id: Some(user_id),
        target,
        issued_at: otp.issued_at.or(Some(cx.now())),
        code_expires_at: otp.code_end(cx.now(), &app.config),
        ..otp.clone()
    };
    let written = app.db.run(cx, || async { Ok(write_issue(app, cx, &issued).await?) }).await?;
    Ok(written.then(|| answer(app, &issued, user_id)))
}

/// Writes an issue down. The first one ends the person's other codes for the purpose; asked for by an identifier, it
/// also has to respect the person's cool-down, which all their identifiers share.
async fn write_issue(app: &App, cx: &Cx, otp: &Otp) -> Result<bool> {
    let mut tx = app.db.write().await?;
    // Read here, so that of two calls for the same message only one is the first.
    let Some(present) = store::otp(&mut tx, otp.id).await? else { return Ok(false) };
    let first = present.issued_at.is_none();
    if first && otp.identifier_sealed.is_some() {
        let Some(user_id) = otp.user_id else { return Ok(false) };
        let key = app.keys.cooldown_of_user(user_id, otp.purpose);
        let until = after(cx.now(), app.config.resend_cooldown);
        if store::start_cooldown(&mut tx, key, cx.now(), until).await?.is_some() {
            store::end(&mut tx, otp.id, cx.now()).await?;
            tx.commit().await?;
            return Ok(false);
        }
    }
    if !store::issue(&mut tx, otp).await? {
        return Ok(false);
    }
    if first {
        store::end_older(&mut tx, otp, cx.now()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn issue_for_message(app: &App, cx: &Cx, wish: &IssueWish) -> Result<Option<Issued>> {
    let Some(user_id) = wish.user_id else { return Ok(None) };
    let purpose = wish.purpose.ok_or_else(|| Problem::malformed("a message of its own needs a purpose"))?;
    let otp = Otp {
        user_id: Some(user_id),
        target: wish.target.clone(),
        nonce: cx.random::<16>().to_vec(),
        ..Otp::for_message((wish.id, purpose, wish.channel), cx.now(), &app.config)
    };
    let write = || async {
        let mut tx = app.db.write().await?;
        store::insert(&mut tx, &otp).await?;
        store::end_older(&mut tx, &otp, cx.now()).await?;
        tx.commit().await?;
        Ok(())
    };
    app.db.run(cx, write).await?;
    Ok(Some(answer(app, &otp, user_id)))
}

fn answer(app: &App, otp: &Otp, user_id: UserId) -> Issued {
    Issued {
        code: app.keys.code(otp, app.config.length),
        token: otp.purpose.has_link().then(|| app.keys.token(otp)),
        expires_at: otp.code_expires_at,
        user_id,
        purpose: otp.purpose,
        channel: otp.channel,
    }
}

/// The person whose identifier it is, unless their account is closed to them.
async fn owner_of(app: &App, cx: &Cx, identifier: &str) -> Result<Option<UserId>> {
    let request = LookupRequest { by: Some(By::Identifier(identifier.to_owned())) };
    let found = app.links.directory(cx).lookup(request).await.map_err(problem_from)?.into_inner();
    let Some(user) = found.user else { return Ok(None) };
    if matches!(user.status(), Status::Blocked | Status::Deleted) {
        return Ok(None);
    }
    Ok(Some(denizen_rpc::decode::id(&user.id)?))
}

async fn end(app: &App, cx: &Cx, id: OtpId) -> Result<()> {
    let write = || async {
        let mut tx = app.db.write_relaxed("ends one row").await?;
        store::end(&mut tx, id, cx.now()).await?;
        tx.commit().await?;
        Ok(())
    };
    app.db.run(cx, write).await.map_err(Error::from)
}
