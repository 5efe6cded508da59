//! What can go wrong with an object.

use denizen_kit::problem::{Code, Problem};
use thiserror::Error;

/// Result of a call to the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with an object.
#[derive(Debug, Error)]
pub enum Error {
    /// The settings name no place that can be used.
    #[error("{0}")]
    Setting(String),
    /// No object can have this name.
    #[error("no object can be named {0:?}")]
    BadName(String),
    /// The object is larger than the limit.
    #[error("the object is larger than storage.object_limit, {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The store does not let us in.
    #[error("the object store refuses: see storage.url and the keys in storage.s3")]
    Refused(#[source] object_store::Error),
    /// The store did not answer in time.
    #[error("the object store did not answer in time")]
    Late,
    /// The store cannot be reached, is full or failed.
    #[error("the object store cannot be used now")]
    Unusable(#[source] object_store::Error),
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::Refused(error),
            error => Error::Unusable(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::TooLarge { limit } => {
                let detail = format!("this is larger than {limit} bytes; send something smaller");
                Problem::new(Code::PayloadTooLarge, detail)
            }
            Error::Setting(_) | Error::BadName(_) => Problem::internal(error),
            Error::Refused(_) | Error::Late | Error::Unusable(_) => {
                let detail = "the object store cannot be used now; repeat the request later";
                Problem::unavailable(detail).caused_by(error)
            }
        }
    }
}
