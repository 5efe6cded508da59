//! The public forms of second factors.

use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::auth::v1 as wire;
use denizen_rpc::otp::v1::Channel;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) use crate::resources::auth::view::Challenge;
use crate::resources::time;

/// The second factor that is wished for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct FactorForm {
    /// `otp`, the only one there is.
    method: Option<String>,
    /// How the codes come: `email` or `sms`.
    #[schema(required = true, nullable = false)]
    channel: Option<String>,
    /// Counts as a fresh proof while no factor is in force; with one it is needed beside it.
    pub(crate) password: Option<String>,
}

/// A code that was sent.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CodeForm {
    #[schema(required = true, nullable = false)]
    pub(crate) code: Option<String>,
}

/// The password beside a fresh proof.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct PasswordForm {
    pub(crate) password: Option<String>,
}

/// A login that waits for its second factor.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChallengeForm {
    #[schema(required = true, nullable = false)]
    pub(crate) challenge: Option<String>,
}

/// A second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Factor {
    /// Whether it is asked for at a login.
    enabled: bool,
    /// `otp` when it is.
    method: Option<&'static str>,
    /// `email` or `sms` when it is.
    channel: Option<&'static str>,
    #[schema(value_type = Option<String>, format = DateTime)]
    enabled_at: Option<Timestamp>,
    /// A channel that waits for its proof.
    pending_channel: Option<&'static str>,
    /// How many recovery codes have not been used.
    recovery_codes_left: i32,
}

/// A channel that waits for its proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PendingFactor {
    /// `otp`.
    method: &'static str,
    /// How the code travels.
    channel: Option<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Recovery codes: each works once, in place of a sent code. They cannot be shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

// === impl FactorForm ===

impl FactorForm {
    /// The channel that is wished for.
    pub(crate) fn channel(&self) -> Result<Channel, Problem> {
        if self.method.as_deref().is_some_and(|method| method != "otp") {
            return Err(Problem::invalid("/method", "unknown", "method is otp"));
        }
        match self.channel.as_deref() {
            Some("email") => Ok(Channel::Email),
            Some("sms") => Ok(Channel::Sms),
            Some(_) => Err(Problem::invalid("/channel", "unknown", "channel is email or sms")),
            None => Err(Problem::invalid("/channel", "required", "say how the codes come: email or sms")),
        }
    }
}

/// The name of a channel; none when there is none.
const fn name(channel: Channel) -> Option<&'static str> {
    match channel {
        Channel::Email => Some("email"),
        Channel::Sms => Some("sms"),
        Channel::Unspecified => None,
    }
}

// === impl Factor ===

impl Factor {
    pub(crate) fn of(factor: &wire::Factor) -> Self {
        Self {
            enabled: factor.enabled,
            method: factor.enabled.then_some("otp"),
            channel: name(factor.channel()),
            enabled_at: time(factor.enabled_at),
            pending_channel: name(factor.pending_channel()),
            recovery_codes_left: factor.recovery_codes_left,
        }
    }
}

// === impl PendingFactor ===

impl PendingFactor {
    pub(crate) fn of(pending: &wire::PendingFactor) -> Self {
        Self { method: "otp", channel: name(pending.channel()), expires_at: time(pending.expires_at) }
    }
}

// === impl RecoveryCodes ===

impl RecoveryCodes {
    pub(crate) fn of(codes: wire::RecoveryCodes) -> Self {
        Self { recovery_codes: codes.codes }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_method_may_be_left_out_and_the_channel_may_not() {
        let channel = |body| serde_json::from_value::<FactorForm>(body).unwrap().channel();
        assert_eq!(channel(json!({"channel": "sms"})).unwrap(), Channel::Sms);
        assert_eq!(channel(json!({"method": "otp", "channel": "email"})).unwrap(), Channel::Email);
        for bad in [json!({"method": "totp", "channel": "sms"}), json!({}), json!({"channel": "pigeon"})] {
            assert!(channel(bad).is_err());
        }
    }
}
