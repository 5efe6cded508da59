//! Prove a mobile number by the code that was sent to it.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, consume_request};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::{key_of, live_user, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::MobileChanged;

/// Uses up the code, then brings the pending number into force.
pub(crate) async fn confirm_mobile(app: &App, cx: &Cx, id: UserId, code: String) -> Result<wire::User> {
    permit(app, cx, cx.require_self(id)).await?;
    let proof = consume_request::Proof::UserCode(CodeOfUser { user_id: id.to_string(), code });
    let request = ConsumeRequest { purpose: Purpose::VerifyMobile.into(), proof: Some(proof) };
    let consumed = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if !consumed.valid {
        return Err(Error::CodeInvalid);
    }
    let key = key_of(app, id).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let mut user = live_user(&mut tx, id, &key).await?;
        let pending =
            user.pending_mobile.take().filter(|pending| pending.target().as_slice() == consumed.target);
        user.mobile = Some(pending.ok_or(Error::CodeInvalid)?);
        user.mobile_verified_at = Some(cx.now());
        let user = user.touched(cx.now());
        save(app, &mut tx, &user, &key).await?;
        tx.emit(cx, MobileChanged { user_id: id });
        tx.commit().await.map_err(Error::from)?;
        Ok(crate::rpc::encode(&user, cx))
    };
    Ok(app.db.run(cx, op).await?)
}
