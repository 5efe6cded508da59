//! What can go wrong in this service.

use denizen_kit::problem::{Code, Problem};
use thiserror::Error;

/// The result of an operation.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in this service.
#[derive(Debug, Error)]
pub enum Error {
    /// The database.
    #[error("database: {0}")]
    Database(#[from] denizen_db::Error),
    /// A peer, or a permission.
    #[error("{0}")]
    Problem(Problem),
    /// A field of the request.
    #[error("{pointer}: {detail}")]
    Field {
        /// JSON pointer of the field.
        pointer: &'static str,
        /// Stable word for what is wrong.
        code: &'static str,
        /// What is wrong and the way out.
        detail: String,
    },
    /// Filters for which there is no index.
    #[error("the filters {first} and {second} cannot be combined")]
    NotCombinable {
        /// The filter that was found first.
        first: &'static str,
        /// The one that is too many.
        second: &'static str,
    },
    /// The appender of this process has stopped.
    #[error("the appender has stopped")]
    Stopped,
}

// === impl Error ===

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error.into(),
            Error::Problem(problem) => problem,
            Error::Field { pointer, code, detail } => Problem::invalid(pointer, code, detail),
            Error::NotCombinable { first, second } => not_combinable(first, second),
            Error::Stopped => Problem::unavailable("the audit trail is stopping; repeat it later"),
        }
    }
}

fn not_combinable(first: &str, second: &str) -> Problem {
    let detail = format!(
        "{second} cannot be combined with {first}: use one of action, actor, subject, result, \
         alone or with created_after and created_before"
    );
    let problem = Problem::new(Code::ValidationFailed, "these filters cannot be combined");
    problem.with_field(&format!("/{second}"), "not_combinable", detail)
}
