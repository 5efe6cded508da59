//! The fresh proof that sensitive changes ask for.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::password::internal::v1::VerifyCredentialRequest;
use denizen_rpc::problem_from;

use super::permit;
use crate::App;
use crate::error::{Error, Result};

/// Lets pass who proved themselves lately, or does so now by password. The tries are counted. Of a session that was
/// opened by two factors the password alone is not enough.
pub(super) async fn prove(app: &App, cx: &Cx, id: UserId, password: Option<&str>) -> Result<()> {
    if cx.has_second_factor() && !cx.has_fresh_proof() {
        let detail = "this account has a second factor: ask for a code with the purpose sensitive_change and its \
                      channel (POST /otp), then send otp_id and code to /auth/step-up";
        return permit(app, cx, Err(Problem::new(Code::StepUpRequired, detail))).await;
    }
    let Some(password) = password else {
        let stale = || Problem::from(Error::StepUpRequired);
        return permit(app, cx, if cx.has_fresh_proof() { Ok(()) } else { Err(stale()) }).await;
    };
    let request = VerifyCredentialRequest {
        user_id: id.to_string(),
        password: password.to_owned(),
        identifier_key: Vec::new(),
        source: cx.call().ip.map(|ip| ip.to_string()).unwrap_or_default(),
    };
    let answer = app.links.credentials(cx).verify_credential(request).await.map_err(problem_from)?;
    if answer.into_inner().valid { Ok(()) } else { Err(Error::WrongPassword) }
}
