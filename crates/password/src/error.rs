//! What can go wrong in password.

use std::time::Duration;

use denizen_db as db;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal;
use thiserror::Error;

use crate::hash::{Failure, Refusal};
use crate::model::Fault;

/// Result of an op of password.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in password.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("the password at {0} is not acceptable")]
    Weak(&'static str, Fault),
    #[error("the present password is not right")]
    WrongPassword,
    #[error("too many failed tries; the next one in {0:?}")]
    TooManyAttempts(Duration),
    #[error("too many callers wait for a hash")]
    Overloaded,
    #[error("no slot came free in time")]
    Overdue,
    #[error("the token is wrong, used or ended")]
    TokenInvalid,
    #[error("the code is wrong, used or ended")]
    CodeInvalid,
    #[error("no such user")]
    NoSuchUser,
    #[error("this address would shut out the caller")]
    OwnAddress,
    #[error("the network is kept out already")]
    BlockedAlready,
    #[error("no such block")]
    NoSuchBlock,
    #[error("the account is blocked or deleted")]
    ClosedAccount,
    #[error("too many resets; the next one in {0:?}")]
    TooManyResets(Duration),
    #[error("the password was changed meanwhile")]
    ChangedMeanwhile,
    #[error("the hash at {0} is not acceptable")]
    HashRefused(&'static str, Refusal),
    #[error("{0} is not acceptable")]
    Unacceptable(&'static str, &'static str, &'static str),
    #[error("a hash could not be computed")]
    Hash(#[from] Failure),
    #[error("the computation of a hash broke off")]
    Broken(#[from] tokio::task::JoinError),
    #[error("a stored hash is not one")]
    StoredHash,
    #[error(transparent)]
    Form(#[from] serde_json::Error),
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
            Error::Weak(pointer, fault) => {
                Problem::of(Code::WeakPassword).with_field(pointer, fault.code(), fault.detail())
            }
            Error::WrongPassword => Problem::invalid(
                "/current_password",
                "incorrect",
                "this is not the present password; try again",
            ),
            Error::TooManyAttempts(wait) => Problem::of(Code::TooManyAttempts).retry_in(whole_seconds(wait)),
            Error::Overloaded => Problem::of(Code::Overloaded).retry_in(Duration::from_secs(1)),
            Error::Overdue => Problem::of(Code::Timeout),
            Error::TokenInvalid => Problem::of(Code::TokenInvalid),
            Error::CodeInvalid => Problem::of(Code::CodeInvalid),
            Error::NoSuchUser => Problem::not_found("there is no such account for this caller"),
            Error::OwnAddress => Problem::new(
                Code::Conflict,
                "the address that this request comes from is in this network; you would shut yourself out",
            ),
            Error::BlockedAlready => Problem::new(
                Code::Conflict,
                "this network is kept out already; delete that block first to change it",
            ),
            Error::NoSuchBlock => Problem::not_found("there is no such block in force"),
            Error::ClosedAccount => Problem::new(
                Code::Conflict,
                "the account is blocked or deleted; activate it before its password is reset",
            ),
            Error::TooManyResets(wait) => Problem::of(Code::RateLimited).retry_in(whole_seconds(wait)),
            Error::ChangedMeanwhile => {
                Problem::new(Code::Conflict, "the password was changed meanwhile; log in with the new one")
            }
            Error::HashRefused(pointer, refusal) => {
                Problem::invalid(pointer, refusal.code(), refusal.detail())
            }
            Error::Unacceptable(pointer, code, detail) => Problem::invalid(pointer, code, detail),
            Error::Db(error) => error.into(),
            Error::Problem(problem) => problem,
            Error::Hash(_) | Error::Broken(_) | Error::StoredHash | Error::Form(_) | Error::Sealed(_) => {
                Problem::internal(error)
            }
        }
    }
}

/// The wait in whole seconds, rounded up: who comes back then is not too early.
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(Duration::from_secs(1))
}
