//! What can go wrong in the service.

use std::time::Duration;

use denizen_kit::problem::{Code, Problem};
use thiserror::Error;

/// The result of what the service does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the service.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such session for this caller.
    #[error("there is no session with this id")]
    NoSuchSession,
    /// Unknown account or wrong password; which of them is not told.
    #[error("identifier and password do not match an account")]
    BadCredentials,
    /// The refresh token is forged, used, or its session has ended; which of them is not told.
    #[error("the refresh token is not good any more; log in again")]
    BadRefreshToken,
    /// The code is wrong, used, ended or was made for something else.
    #[error("the code is wrong, used, ended or was made for something else; ask for a new one")]
    BadCode,
    /// A sensitive change needs a fresh proof.
    #[error(
        "prove yourself again: call /auth/step-up first; with a second factor, by a code for sensitive_change"
    )]
    StepUpRequired,
    /// The password in the body of a change is wrong.
    #[error("the password is not right; try again")]
    WrongPassword,
    /// A code alone does not open an account with a second factor.
    #[error("this account has a second factor, so a code alone does not open it; log in by password")]
    CodeNotEnough,
    /// The password alone does not make a session fresh when there is a second factor.
    #[error(
        "this account has a second factor: ask for a code with the purpose sensitive_change and its channel \
         (POST /otp), then send otp_id and code"
    )]
    PasswordNotEnough,
    /// There is no second factor.
    #[error("there is no second factor")]
    NoFactor,
    /// Codes cannot come by text message.
    #[error("the account has no mobile number; add one first, or choose email")]
    NoMobile,
    /// A code was sent a moment ago.
    #[error("a code was sent a moment ago; use that one, or wait as Retry-After says")]
    TooSoon(std::time::Duration),
    /// No such challenge is open.
    #[error("the challenge is not open any more; log in again")]
    BadChallenge,
    /// The cursor was not given out for this list.
    #[error("the cursor does not belong to this list; start without one")]
    BadCursor,
    /// The caller's session has ended.
    #[error("the session has ended; log in again")]
    SessionEnded,
    /// The account's state forbids it, with the code of that state.
    #[error("{}", .0.meaning())]
    Account(Code),
    /// As many sessions as are allowed, and the policy is to refuse.
    #[error("there are as many sessions as are allowed; end one, then log in again")]
    TooManySessions,
    /// Login by code is switched off.
    #[error("login by code alone is switched off here; log in by password")]
    CodeLoginOff,
    /// The session was begun in another network, and sessions are bound to theirs.
    #[error("this session was begun in another network; log in from here")]
    OtherNetwork,
    /// All sessions of the person were ended while they logged in.
    #[error("the account changed while you logged in; log in again")]
    Overtaken,
    /// There is no such service account.
    #[error("there is no service account with this id")]
    NoSuchServiceAccount,
    /// Unknown client or wrong secret; which of them is not told.
    #[error("client id and secret do not match a service account")]
    BadClient,
    /// Too many wrong secrets of a client from one source.
    #[error("too many wrong secrets; wait as Retry-After says")]
    TooManyTries(Duration),
    /// The account may more than the caller.
    #[error("this service account may more than you: ask somebody who holds all its permissions")]
    BeyondOwn,
    /// Only a holder of the role `service` or `admin` may ask about another's token.
    #[error("this is another person's token: the role service is needed to ask about it")]
    ForeignToken,
    /// Tokens cannot be signed: the stored key does not open under the root.
    #[error("the signing key does not open: does this database belong to the keyring beside it?")]
    SigningKey,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] denizen_db::Error),
    /// Another service answered so, or a field is not acceptable.
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::TooManySessions => Code::TooManySessions,
            Error::Db(error) => return error.into(),
            Error::Problem(problem) => return problem,
            Error::SigningKey => return Self::internal(error),
            Error::NoMobile => return Self::invalid("/channel", "no_address", error.to_string()),
            Error::WrongPassword => return Self::invalid("/password", "incorrect", error.to_string()),
            Error::TooSoon(wait) => return Self::new(Code::RateLimited, error.to_string()).retry_in(wait),
            Error::StepUpRequired => Code::StepUpRequired,
            Error::CodeNotEnough | Error::PasswordNotEnough => Code::MfaRequired,
            Error::NoFactor | Error::NoSuchSession | Error::NoSuchServiceAccount => Code::NotFound,
            Error::BadCredentials | Error::BadRefreshToken | Error::BadClient => Code::InvalidCredentials,
            Error::TooManyTries(_) => Code::TooManyAttempts,
            Error::BadCode => Code::CodeInvalid,
            Error::BadChallenge => Code::TokenInvalid,
            Error::BadCursor => Code::MalformedRequest,
            Error::SessionEnded | Error::OtherNetwork => Code::Unauthenticated,
            Error::Account(code) => code,
            Error::CodeLoginOff | Error::ForeignToken | Error::BeyondOwn => Code::Forbidden,
            Error::Overtaken => Code::Unavailable,
        };
        let problem = Self::new(code, error.to_string());
        match error {
            Error::BadCursor => problem.with_field("/cursor", "invalid", error.to_string()),
            Error::Overtaken => problem.retry_in(Duration::from_secs(1)),
            Error::TooManyTries(wait) => problem.retry_in(wait),
            _ => problem,
        }
    }
}
