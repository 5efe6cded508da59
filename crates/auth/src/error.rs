//! What can go wrong in the service.

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
    /// All sessions of the person were ended while they logged in.
    #[error("the account changed while you logged in; log in again")]
    Overtaken,
    /// Only a holder of the role `service` or `admin` may ask about another's token.
    #[error("this is another person's token: the role service is needed to ask about it")]
    ForeignToken,
    /// Tokens cannot be signed: the stored key does not open under the master key.
    #[error("the signing key does not open: is the master key the one it was sealed under?")]
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
            Error::Db(error) => return error.into(),
            Error::Problem(problem) => return problem,
            Error::SigningKey => return Self::internal(error),
            Error::NoSuchSession => Code::NotFound,
            Error::BadCredentials | Error::BadRefreshToken => Code::InvalidCredentials,
            Error::BadCode => Code::CodeInvalid,
            Error::BadChallenge => Code::TokenInvalid,
            Error::BadCursor => Code::MalformedRequest,
            Error::SessionEnded => Code::Unauthenticated,
            Error::Account(code) => code,
            Error::TooManySessions | Error::CodeLoginOff | Error::ForeignToken => Code::Forbidden,
            Error::Overtaken => Code::Unavailable,
        };
        let problem = Self::new(code, error.to_string());
        match error {
            Error::BadCursor => problem.with_field("/cursor", "invalid", error.to_string()),
            Error::Overtaken => problem.retry_in(std::time::Duration::from_secs(1)),
            _ => problem,
        }
    }
}
