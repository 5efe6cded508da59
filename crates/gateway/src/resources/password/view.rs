//! The public forms of what is done with passwords.

use denizen_kit::problem::Problem;
use denizen_rpc::password::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::auth::view::one_of;

/// The old and the new password.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChangeForm {
    #[schema(required = true, nullable = false)]
    pub(crate) current_password: Option<String>,
    #[schema(required = true, nullable = false)]
    pub(crate) new_password: Option<String>,
}

/// Whose password is forgotten; exactly one identifier.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ForgotForm {
    /// E-mail, user name or mobile.
    identifier: Option<String>,
    email: Option<String>,
    username: Option<String>,
    mobile: Option<String>,
    /// `link` (the default) or `otp`.
    pub(crate) via: Option<String>,
}

/// A new password with its proof: the token of the link, or identifier and code.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ResetForm {
    token: Option<String>,
    /// E-mail, user name or mobile.
    pub(crate) identifier: Option<String>,
    code: Option<String>,
    #[schema(required = true, nullable = false)]
    pub(crate) new_password: Option<String>,
}

/// How a reset is sent.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct StartResetForm {
    /// `link` (the default) or `otp`.
    pub(crate) via: Option<String>,
}

/// A password to rate.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StrengthForm {
    #[schema(required = true, nullable = false)]
    pub(crate) password: Option<String>,
    /// What it should not resemble: name, addresses.
    pub(crate) context: Option<Vec<String>>,
}

/// How good a password is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Strength {
    /// 0 (worst) to 4 (best), by zxcvbn.
    score: i32,
    /// Whether it would be taken.
    acceptable: bool,
    /// Codes of what is wrong.
    problems: Vec<String>,
    warning: String,
    suggestions: Vec<String>,
}

/// That a request was taken. It says no more, so that nobody learns which accounts exist.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    pub(crate) accepted: bool,
}

// === impl ForgotForm ===

impl ForgotForm {
    /// The identifier, named as it was given.
    pub(crate) fn by(&self) -> Result<wire::forgot_password_request::By, Problem> {
        use wire::forgot_password_request::By;
        let given = [
            self.identifier.clone().map(By::Identifier),
            self.email.clone().map(By::Email),
            self.username.clone().map(By::Username),
            self.mobile.clone().map(By::Mobile),
        ];
        one_of(given, "identifier, email, username or mobile")
    }

    /// The identifier as it was typed; empty when there is none.
    pub(crate) fn identifier(&self) -> &str {
        let given = [&self.identifier, &self.email, &self.username, &self.mobile];
        given.into_iter().find_map(|value| value.as_deref()).unwrap_or_default()
    }
}

// === impl ResetForm ===

impl ResetForm {
    /// The proof.
    pub(crate) fn proof(&self) -> Result<wire::reset_password_request::Proof, Problem> {
        use wire::reset_password_request::Proof;
        match (self.token.clone(), self.identifier.clone(), self.code.clone()) {
            (Some(token), None, None) => Ok(Proof::Token(token)),
            (None, Some(identifier), Some(code)) => Ok(Proof::Code(wire::CodeProof { identifier, code })),
            _ => Err(Problem::invalid("/token", "required", "send token, or identifier and code")),
        }
    }
}

// === impl Strength ===

impl Strength {
    pub(crate) fn of(answer: wire::CheckStrengthResponse) -> Self {
        let wire::CheckStrengthResponse { score, acceptable, problems, warning, suggestions } = answer;
        Self { score, acceptable, problems, warning, suggestions }
    }
}
