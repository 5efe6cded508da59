//! What can go wrong in otp.

use std::time::Duration;

use denizen_db as db;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal;
use thiserror::Error;

/// Result of an op of otp.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in otp.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("the code is wrong, used, ended or foreign")]
    CodeInvalid,
    #[error("a code was sent a moment ago; the next one in {0:?}")]
    TooSoon(Duration),
    #[error("{0}")]
    Unacceptable(&'static str, &'static str, &'static str),
    #[error(transparent)]
    Sealed(#[from] seal::Error),
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::CodeInvalid => Problem::of(Code::CodeInvalid),
            Error::TooSoon(wait) => {
                let detail = "a code was sent a moment ago; use that one, or wait as Retry-After says";
                Problem::new(Code::RateLimited, detail).retry_in(wait)
            }
            Error::Unacceptable(pointer, code, detail) => Problem::invalid(pointer, code, detail),
            Error::Db(error) => error.into(),
            Error::Problem(problem) => problem,
            Error::Sealed(_) => Problem::internal(error),
        }
    }
}
