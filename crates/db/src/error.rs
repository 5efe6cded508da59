//! What can go wrong with a database, in words that are the same on both engines.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::problem::{Code, Problem};
use thiserror::Error;

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What caused an error, for the log. It carries no values of a statement.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// What can go wrong with a database.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// [`Tx::one`](crate::Tx::one) found no row.
    #[error("there is no such row")]
    NotFound,
    /// A unique constraint: `table.column`, `table.a_b` for several columns, `table.pkey` for the primary key.
    #[error("{0} has this value already")]
    Duplicate(String),
    /// A foreign key: what the row points to is not there, or what is deleted is still pointed to.
    #[error("a row that this one needs is not there, or one still needs this")]
    Reference,
    /// The transaction met another one and must run again; [`Db::run`](crate::Db::run) does so.
    #[error("the transaction met another one")]
    Retry,
    /// The operation held its write, or a statement ran, longer than allowed.
    #[error("the operation took too long within a transaction")]
    Overdue,
    /// A write through a reading transaction.
    #[error("a reading transaction cannot write")]
    ReadOnly,
    /// A transaction was opened while the same operation had a write open.
    #[error("the operation already has a write open")]
    Nested,
    /// An earlier statement of the transaction failed: all that is left is to roll back.
    #[error("an earlier statement of this transaction failed")]
    Failed,
    /// The statement and its arguments do not belong together.
    #[error("the statement takes {expected} arguments, {given} were given: {sql}")]
    Arguments {
        /// How many the statement takes.
        expected: usize,
        /// How many were given.
        given: usize,
        /// The statement.
        sql: &'static str,
    },
    /// The crate was used in a way it does not allow.
    #[error("{0}")]
    Misuse(&'static str),
    /// The database cannot be reached or is too busy.
    #[error("the database cannot be reached or is too busy: {0}")]
    Unavailable(Cause),
    /// The disk is full.
    #[error("the database's disk is full: {0}")]
    Full(Cause),
    /// The engine refused a statement, or gave a value of another type.
    #[error("statement failed: {0}")]
    Statement(Cause),
    /// A migration could not be run, or differs from the one that was.
    #[error("migration failed: {0}")]
    Migration(Cause),
}

/// A cause that is told by a sentence.
#[derive(Debug)]
pub(crate) struct Reason(pub(crate) String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reason {}

// === impl Error ===

impl Error {
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable(Arc::new(Reason(reason.into())))
    }

    pub(crate) fn statement(reason: impl Into<String>) -> Self {
        Self::Statement(Arc::new(Reason(reason.into())))
    }

    pub(crate) fn migration(reason: impl Into<String>) -> Self {
        Self::Migration(Arc::new(Reason(reason.into())))
    }

    /// Whether this is a duplicate in the named place, such as `users.email_index`.
    pub fn is_duplicate(&self, place: &str) -> bool {
        matches!(self, Self::Duplicate(name) if name == place)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let busy = |detail: &'static str| Problem::unavailable(detail);
        match &error {
            Error::NotFound => Problem::of(Code::NotFound),
            Error::Duplicate(_) | Error::Reference => Problem::of(Code::Conflict).caused_by(error),
            Error::Retry => busy("too many requests change the same data; repeat it").caused_by(error),
            Error::Overdue => busy("the database was too slow; repeat it").caused_by(error),
            Error::Unavailable(_) => busy("the database cannot be reached; repeat it later").caused_by(error),
            Error::Full(_) => {
                let problem = busy("the database's disk is full; the operator must free space");
                problem.retry_in(Duration::from_secs(10)).caused_by(error)
            }
            _ => Problem::internal(error),
        }
    }
}
