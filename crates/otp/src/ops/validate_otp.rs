//! Validate a code without what it is for: it is used up. One's own only; a service's of anybody.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;

use super::consume::{Proof, redeem};
use crate::App;
use crate::error::{Error, Result};
use crate::model::OtpId;
use crate::store;

pub(crate) async fn validate_otp(app: &App, cx: &Cx, id: Option<OtpId>, code: &str) -> Result<()> {
    cx.require_person()?;
    let id = id.ok_or(Error::CodeInvalid)?;
    let otp = store::otp(&mut app.db.single().await?, id).await?.ok_or(Error::CodeInvalid)?;
    let own = otp.user_id.is_some_and(|user_id| cx.is_self(user_id));
    if !own && !cx.may(Permission::NotificationsSend) {
        return Err(Error::CodeInvalid);
    }
    let proof = Proof::IssueCode { id, code: code.to_owned() };
    let redeemed = app.db.run(cx, || async { Ok(redeem(app, cx, otp.purpose, &proof).await?) }).await?;
    redeemed.map(|_| ()).ok_or(Error::CodeInvalid)
}
