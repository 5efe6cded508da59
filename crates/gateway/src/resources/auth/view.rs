//! The public forms of logins and tokens.

use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::auth::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::users::view::User;
use crate::resources::{filled, time};

/// An identifier and a password; exactly one identifier.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LoginForm {
    /// E-mail, user name or mobile.
    identifier: Option<String>,
    email: Option<String>,
    username: Option<String>,
    mobile: Option<String>,
    #[schema(required = true, nullable = false)]
    pub(crate) password: Option<String>,
}

/// A one-time password for a login: with the challenge of a first factor, or with the code's own id.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct OtpLoginForm {
    challenge: Option<String>,
    otp_id: Option<String>,
    #[schema(required = true, nullable = false)]
    pub(crate) code: Option<String>,
}

/// A fresh proof: the password, or a one-time password with its id.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StepUpForm {
    password: Option<String>,
    otp_id: Option<String>,
    code: Option<String>,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RefreshForm {
    #[schema(required = true, nullable = false)]
    pub(crate) refresh_token: Option<String>,
}

/// What to log out of.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct LogoutForm {
    /// All sessions instead of the present one.
    pub(crate) all: Option<bool>,
}

/// An access token.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct TokenForm {
    #[schema(required = true, nullable = false)]
    pub(crate) token: Option<String>,
}

/// What a login gives: tokens, or the challenge of a second factor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum LoginAnswer {
    Tokens(Box<Tokens>),
    Challenge(Challenge),
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Not given by a step-up: the one at hand stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_expires_in: Option<i64>,
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user: Option<User>,
}

/// A second factor is needed.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the name that clients see")]
pub(crate) struct Challenge {
    /// Always true.
    mfa_required: bool,
    challenge: String,
    /// How the code can come.
    channels: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Option<Timestamp>,
}

// === impl LoginForm ===

impl LoginForm {
    /// The identifier, named as it was given.
    pub(crate) fn by(&self) -> Result<wire::login_request::By, Problem> {
        use wire::login_request::By;
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

/// The one value that is given of several.
pub(crate) fn one_of<T, const N: usize>(given: [Option<T>; N], names: &str) -> Result<T, Problem> {
    let mut values = given.into_iter().flatten();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(Problem::invalid("/identifier", "required", format!("send {names}"))),
        (Some(_), Some(_)) => {
            Err(Problem::invalid("/identifier", "ambiguous", format!("send only one of {names}")))
        }
    }
}

// === impl OtpLoginForm ===

impl OtpLoginForm {
    /// What the code is for.
    pub(crate) fn of(&self) -> Result<wire::login_with_otp_request::Of, Problem> {
        use wire::login_with_otp_request::Of;
        match (self.challenge.clone(), self.otp_id.clone()) {
            (Some(challenge), None) => Ok(Of::Challenge(challenge)),
            (None, Some(otp_id)) => Ok(Of::OtpId(otp_id)),
            (Some(_), Some(_)) => {
                Err(Problem::invalid("/otp_id", "ambiguous", "send challenge or otp_id, not both"))
            }
            (None, None) => Err(Problem::invalid("/challenge", "required", "send challenge or otp_id")),
        }
    }
}

// === impl StepUpForm ===

impl StepUpForm {
    /// The proof.
    pub(crate) fn proof(self) -> Result<wire::step_up_request::Proof, Problem> {
        use wire::step_up_request::Proof;
        match (self.password, self.otp_id, self.code) {
            (Some(password), None, None) => Ok(Proof::Password(password)),
            (None, Some(otp_id), Some(code)) => Ok(Proof::Otp(wire::OtpProof { otp_id, code })),
            _ => Err(Problem::invalid("/password", "required", "send password, or otp_id and code")),
        }
    }
}

// === impl LoginAnswer ===

impl LoginAnswer {
    /// The answer of a login; none when the service gave neither.
    pub(crate) fn of(answer: wire::LoginResponse) -> Option<Self> {
        use wire::login_response::Result as Outcome;
        Some(match answer.result? {
            Outcome::Tokens(tokens) => Self::Tokens(Box::new(Tokens::of(tokens))),
            Outcome::Challenge(challenge) => Self::Challenge(Challenge::of(challenge)),
        })
    }
}

// === impl Challenge ===

impl Challenge {
    pub(crate) fn of(challenge: wire::Challenge) -> Self {
        Self {
            mfa_required: true,
            challenge: challenge.challenge,
            channels: challenge.channels,
            expires_at: time(challenge.expires_at),
        }
    }
}

// === impl Tokens ===

impl Tokens {
    pub(crate) fn of(tokens: wire::Tokens) -> Self {
        let refresh_token = filled(tokens.refresh_token);
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_expires_in: refresh_token.as_ref().map(|_| tokens.refresh_expires_in),
            refresh_token,
            session_id: tokens.session_id,
            user: tokens.user.map(User::own),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exactly_one_identifier() {
        let by = |body| serde_json::from_value::<LoginForm>(body).unwrap().by();
        assert!(by(json!({"username": "ada", "email": null})).is_ok());
        assert!(by(json!({})).is_err());
        assert!(by(json!({"username": "ada", "email": "eve@x.test"})).is_err());
    }

    #[test]
    fn a_step_up_names_no_refresh_token() {
        let tokens = wire::Tokens { access_token: "a".into(), expires_in: 5, ..wire::Tokens::default() };
        let json = serde_json::to_value(Tokens::of(tokens)).unwrap();
        assert_eq!(
            json,
            json!({"access_token": "a", "token_type": "Bearer", "expires_in": 5, "session_id": ""})
        );
    }
}
