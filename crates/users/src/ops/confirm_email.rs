//! Prove an e-mail address by the code or link that was sent to it.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, consume_request};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::change_email::sealed_old;
use super::{key_of, live_user, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::{EmailChanged, EmailVerified, UserActivated};
use crate::model::{Status, User};

/// What proves the address.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// A code, from the owner of the account.
    Code(UserId, String),
    /// The token of a link, from anybody who has it.
    Token(String),
}

/// Uses up the proof, then notes what it proved: the pending address, which comes into force, or the present one.
pub(crate) async fn confirm_email(app: &App, cx: &Cx, proof: Proof) -> Result<wire::User> {
    if let Proof::Code(user_id, _) = &proof {
        permit(app, cx, cx.require_self(*user_id)).await?;
    }
    let refused = || match &proof {
        Proof::Code(..) => Error::CodeInvalid,
        Proof::Token(_) => Error::TokenInvalid,
    };
    let used = match &proof {
        Proof::Code(user_id, code) => {
            consume_request::Proof::UserCode(CodeOfUser { user_id: user_id.to_string(), code: code.clone() })
        }
        Proof::Token(token) => consume_request::Proof::Token(token.clone()),
    };
    let request = ConsumeRequest { purpose: Purpose::VerifyEmail.into(), proof: Some(used) };
    let consumed = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if !consumed.valid {
        return Err(refused());
    }
    let id: UserId = denizen_rpc::decode::id(&consumed.user_id)?;
    let key = key_of(app, id).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let user = live_user(&mut tx, id, &key).await?;
        let waited = user.status == Status::Pending;
        let (user, changed) = proved(user, &consumed.target, cx).ok_or_else(refused)?;
        if let Some(before) = &changed {
            let old = Some(sealed_old(before, &key));
            tx.emit(cx, EmailChanged { user_id: id, old_email_sealed: old, verify_email: false });
        } else {
            tx.emit(cx, EmailVerified { user_id: id });
        }
        if waited {
            tx.emit(cx, UserActivated { user_id: id });
        }
        save(app, &mut tx, &user, &key).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    Ok(app.db.run(cx, op).await?)
}

/// The account after the proof of an address, and the account before if its address changed. None when it is an
/// address of another time.
fn proved(user: User, target: &[u8], cx: &Cx) -> Option<(User, Option<User>)> {
    let now = cx.now();
    let before = user.clone();
    let mut user = user;
    if user.status == Status::Pending {
        user.status = Status::Active;
    }
    if let Some(pending) = user.pending_email.clone().filter(|pending| pending.target() == target) {
        user.email = pending;
        user.pending_email = None;
        user.email_verified_at = Some(now);
        return Some((user.touched(now), Some(before)));
    }
    if user.email.target() != target {
        return None;
    }
    user.email_verified_at = Some(now);
    Some((user.touched(now), None))
}
