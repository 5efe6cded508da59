//! The fresh proof that sensitive changes ask for.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::password::internal::v1::VerifyCredentialRequest;
use denizen_rpc::problem_from;

use crate::App;
use crate::error::{Error, Result};

/// Lets pass who proved themselves lately, or does so now by password. The tries are counted.
pub(super) async fn prove(app: &App, cx: &Cx, id: UserId, password: Option<&str>) -> Result<()> {
    let Some(password) = password else {
        return if cx.has_fresh_proof() { Ok(()) } else { Err(Error::StepUpRequired) };
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
