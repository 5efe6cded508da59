//! The fresh proof that changes of the second factor ask for.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;

use super::failure::{Method, failed};
use super::permit::permit;
use crate::App;
use crate::error::{Error, Result};
use crate::model::Factor;
use crate::peers;

/// Lets pass who proved themselves lately, or does so now by password. With a factor in force it takes both: the
/// proof by the factor, which alone makes a session fresh then, and the password.
pub(super) async fn prove(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    password: Option<String>,
    factor: &Factor,
) -> Result<()> {
    let is_on = factor.enabled.is_some();
    if !cx.has_fresh_proof() && (is_on || password.is_none()) {
        permit(app, cx, Err(Error::StepUpRequired.into())).await?;
    }
    let Some(password) = password else {
        let missing = || Problem::invalid("/password", "required", "send the password too");
        return if is_on { Err(missing().into()) } else { Ok(()) };
    };
    if peers::is_password(app, cx, Some(user_id), Vec::new(), password).await? {
        return Ok(());
    }
    Err(failed(app, cx, Some(user_id), Method::StepUp, Error::WrongPassword).await?)
}
