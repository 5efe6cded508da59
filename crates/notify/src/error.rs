//! What can go wrong in notify.

use denizen_kit::problem::Problem;
use thiserror::Error;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in notify.
#[derive(Debug, Error)]
pub enum Error {
    /// The mailbox is for development only.
    #[error("the mailbox is closed")]
    MailboxClosed,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] denizen_db::Error),
    /// Another service said no, or the caller may not.
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::MailboxClosed => Problem::not_found("there is a mailbox in development mode only"),
            Error::Db(error) => error.into(),
            Error::Problem(problem) => problem,
        }
    }
}
