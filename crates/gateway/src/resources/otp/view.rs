//! The public forms of one-time passwords.

use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::otp::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::time;

/// What a code is for and how it goes out.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SendForm {
    /// `login`, `password_reset`, `verify_email`, `verify_mobile` or `sensitive_change`.
    #[schema(required = true, nullable = false)]
    purpose: Option<String>,
    /// `email` or `sms`; what fits when it is not given.
    channel: Option<String>,
    /// E-mail, user name or mobile, for `login` and `password_reset` without a token.
    identifier: Option<String>,
    /// The same as `identifier`.
    recipient: Option<String>,
    /// For a service that sends to somebody.
    user_id: Option<String>,
}

/// A code to check.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ValidateForm {
    #[schema(required = true, nullable = false)]
    pub(crate) otp_id: Option<String>,
    #[schema(required = true, nullable = false)]
    pub(crate) code: Option<String>,
}

/// A code that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sent {
    otp_id: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// That a code is right.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Valid {
    pub(crate) valid: bool,
}

// === impl SendForm ===

impl SendForm {
    /// The identifier as it was typed, if there is one.
    pub(crate) fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref().or(self.recipient.as_deref())
    }

    pub(crate) fn into_message(self) -> Result<wire::SendOtpRequest, Problem> {
        let purpose = read_purpose(self.purpose.as_deref())?;
        let channel = read_channel(self.channel.as_deref())?;
        Ok(wire::SendOtpRequest {
            purpose: purpose.into(),
            channel: channel.into(),
            identifier: self.identifier.or(self.recipient),
            user_id: self.user_id,
        })
    }
}

fn read_purpose(text: Option<&str>) -> Result<wire::Purpose, Problem> {
    let names = "purpose is login, password_reset, verify_email, verify_mobile or sensitive_change";
    match text {
        Some("login") => Ok(wire::Purpose::Login),
        Some("password_reset") => Ok(wire::Purpose::PasswordReset),
        Some("verify_email") => Ok(wire::Purpose::VerifyEmail),
        Some("verify_mobile") => Ok(wire::Purpose::VerifyMobile),
        Some("sensitive_change") => Ok(wire::Purpose::SensitiveChange),
        Some(_) => Err(Problem::invalid("/purpose", "unknown", names)),
        None => Err(Problem::invalid("/purpose", "required", names)),
    }
}

fn read_channel(text: Option<&str>) -> Result<wire::Channel, Problem> {
    match text {
        None => Ok(wire::Channel::Unspecified),
        Some("email") => Ok(wire::Channel::Email),
        Some("sms") => Ok(wire::Channel::Sms),
        Some(_) => Err(Problem::invalid("/channel", "unknown", "channel is email or sms")),
    }
}

// === impl Sent ===

impl Sent {
    pub(crate) fn of(answer: wire::SendOtpResponse) -> Self {
        Self { otp_id: answer.otp_id, expires_at: time(answer.expires_at) }
    }
}
