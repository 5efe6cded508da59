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
    /// There is no such notification, or not for this caller.
    #[error("no such notification")]
    NoSuchNotification,
    /// There is no such dead letter.
    #[error("no such dead letter")]
    NoSuchDeadLetter,
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
            Error::NoSuchNotification => Problem::not_found("there is no notification with this id"),
            Error::NoSuchDeadLetter => Problem::not_found(
                "no message with this id is among the dead letters; it may have been replayed",
            ),
            Error::Db(error) => error.into(),
            Error::Problem(problem) => problem,
        }
    }
}
