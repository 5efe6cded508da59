//! The record of a try to log in that did not succeed.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};

use super::ending::apart;
use crate::App;
use crate::error::{Error, Result};
use crate::events::LoginFailed;

/// By which operation somebody tries to prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Password,
    Otp,
    StepUp,
    /// A refresh token, from another network than the one its session is bound to.
    Refresh,
    /// The password, then a code that was sent.
    SecondFactor,
    /// The password, then a recovery code.
    Recovery,
}

impl Method {
    /// What it proves (RFC 8176); `rec` is ours: a recovery code.
    pub(super) const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Otp => &["otp"],
            Self::Password | Self::StepUp | Self::Refresh => &["pwd"],
            Self::SecondFactor => &["pwd", "otp", "mfa"],
            Self::Recovery => &["pwd", "rec", "mfa"],
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
            Self::StepUp => "step_up",
            Self::Refresh => "refresh",
            Self::SecondFactor => "second_factor",
            Self::Recovery => "recovery",
        }
    }
}

/// Records the failure by a short write, and gives the error back as the answer. The same work for every reason, so
/// that an unknown account is not told from a known one.
pub(super) async fn failed(
    app: &App,
    cx: &Cx,
    user_id: Option<UserId>,
    method: Method,
    error: Error,
) -> Result<Error> {
    let reason = reason(&error);
    let method = method.as_str();
    let cx = &apart(cx);
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            tx.emit(cx, LoginFailed { user_id, reason, method });
            tx.commit().await?;
            Ok::<(), Problem>(())
        })
        .await?;
    Ok(error)
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::Problem(problem) => problem.code.as_str(),
        Error::SessionEnded => "session_ended",
        Error::OtherNetwork => "other_network",
        Error::Account(code) => code.as_str(),
        Error::BadCode => Code::CodeInvalid.as_str(),
        Error::BadChallenge => Code::TokenInvalid.as_str(),
        Error::CodeNotEnough | Error::PasswordNotEnough => Code::MfaRequired.as_str(),
        Error::TooManySessions => "session_limit",
        _ => Code::InvalidCredentials.as_str(),
    }
}
