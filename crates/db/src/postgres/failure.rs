//! The driver's errors in our words. Values, which PostgreSQL puts into details, are left out.

use std::error::Error as _;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use crate::dialect;
use crate::error::{Error, Reason};

/// An error of a statement within a transaction: a connection lost then can be tried again.
pub(crate) fn of_statement(error: &tokio_postgres::Error) -> Error {
    if is_lost(error) { Error::Retry } else { other(error) }
}

/// An error of COMMIT: when the connection is lost nobody knows the outcome, so it is not tried again.
pub(crate) fn of_commit(error: &tokio_postgres::Error) -> Error {
    if is_lost(error) { unknown_outcome() } else { other(error) }
}

/// The connection was lost while committing.
pub(crate) fn unknown_outcome() -> Error {
    Error::unavailable("the connection was lost during a commit: it may or may not have taken effect")
}

/// An error of getting a connection.
pub(crate) fn of_pool(error: &PoolError) -> Error {
    match error {
        PoolError::Timeout(_) => Error::unavailable("all PostgreSQL connections are busy"),
        PoolError::Backend(error) => of_connect(error),
        other => Error::unavailable(other.to_string()),
    }
}

/// An error of opening a connection.
pub(crate) fn of_connect(error: &tokio_postgres::Error) -> Error {
    let reason = error.as_db_error().map_or_else(|| cause_text(error), |db| db.message().to_owned());
    Error::unavailable(format!("PostgreSQL: {reason}"))
}

/// Whether a plan made before a migration does not fit any more.
pub(crate) fn is_stale_plan(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    const ENDED: [SqlState; 3] =
        [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT];
    match error.code() {
        Some(code) => ENDED.contains(code) || code.code().starts_with("08"),
        None => {
            error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        }
    }
}

fn other(error: &tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        return Error::Statement(Arc::new(Reason(cause_text(error))));
    };
    let code = db.code();
    match code.code() {
        "40001" | "40P01" => Error::Retry,
        "0A000" if db.message().contains("cached plan") => Error::Retry,
        "23505" => duplicate(db),
        "23503" => Error::Reference,
        "25006" => Error::ReadOnly,
        "57014" => Error::Overdue,
        "53100" => Error::Full(reason(db)),
        text if text.starts_with("53") || text.starts_with("57") => Error::Unavailable(reason(db)),
        _ => Error::Statement(reason(db)),
    }
}

fn duplicate(db: &DbError) -> Error {
    let table = db.table().unwrap_or_default();
    Error::Duplicate(dialect::constraint(table, db.constraint().unwrap_or_default()))
}

fn reason(db: &DbError) -> Arc<Reason> {
    let code = db.code().code();
    // Messages of class 22 (data exceptions) quote the value.
    let message = if code.starts_with("22") { "the value does not fit" } else { db.message() };
    let place = db.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
    Arc::new(Reason(format!("PostgreSQL {code}: {message}{place}")))
}

fn cause_text(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
