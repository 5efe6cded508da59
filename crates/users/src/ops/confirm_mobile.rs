//! Prove a mobile number by the code that was sent to it.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, consume_request};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::change_mobile::put;
use super::{key_of, live_user, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::MobileVerified;
use crate::model::mobile::Mobile;

/// Name under which the reply is kept.
const METHOD: &str = "users.ConfirmMobile";

/// Uses up the code, then brings the pending number into force.
pub(crate) async fn confirm_mobile(app: &App, cx: &Cx, id: UserId, code: String) -> Result<wire::User> {
    permit(app, cx, cx.require_self(id)).await?;
    // A code is good once: the same request again gets the answer of the first.
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let proof = consume_request::Proof::UserCode(CodeOfUser { user_id: id.to_string(), code });
    let request = ConsumeRequest { purpose: Purpose::VerifyMobile.into(), proof: Some(proof) };
    let consumed = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if !consumed.valid {
        return Err(Error::CodeInvalid);
    }
    let key = key_of(app, id).await?;
    let op = || async { Ok(write(app, cx, id, &consumed.target, &key).await?) };
    Ok(app.db.run_once(cx, METHOD, op).await?)
}

async fn write(app: &App, cx: &Cx, id: UserId, target: &[u8], key: &Key) -> Result<wire::User> {
    let mut tx = app.db.write().await?;
    let mut user = live_user(&mut tx, id, key).await?;
    let is_proved = |mobile: &Mobile| mobile.target().as_slice() == target;
    if let Some(pending) = user.pending_mobile.take_if(|pending| is_proved(pending)) {
        if user.mobile.as_ref() == Some(&pending) {
            tx.emit(cx, MobileVerified { user_id: id });
        } else {
            put(cx, &mut tx, (&mut user, key), Some(pending));
        }
    } else if user.mobile.as_ref().is_some_and(is_proved) {
        // The number that was given at registration.
        tx.emit(cx, MobileVerified { user_id: id });
    } else {
        return Err(Error::CodeInvalid);
    }
    user.mobile_verified_at = Some(cx.now());
    let user = user.touched(cx.now());
    save(app, &mut tx, &user, key).await?;
    tx.commit().await?;
    Ok(crate::rpc::encode(&user, cx))
}
