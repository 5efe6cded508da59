//! One statement on one SQLite connection, run inline.

use std::sync::Arc;

use rusqlite::ffi;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};

use crate::dialect;
use crate::error::{Error, Reason, Result};
use crate::row::{Row, Source};
use crate::value::Value;

/// What is done with each row.
pub(crate) type Each<'a> = &'a mut (dyn FnMut(&Row<'_>) -> Result<()> + Send);

/// Runs a statement that gives rows.
pub(crate) fn query(
    connection: &Connection,
    sql: &'static str,
    args: &[Value],
    each: Each<'_>,
) -> Result<()> {
    let mut statement = prepare(connection, sql, args)?;
    let mut rows = statement.raw_query();
    loop {
        match rows.next() {
            Ok(Some(row)) => each(&Row(Source::Sqlite(row)))?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(failure(connection, &error)),
        }
    }
}

/// Runs a statement that gives no rows; how many it changed.
pub(crate) fn exec(connection: &Connection, sql: &'static str, args: &[Value]) -> Result<u64> {
    let mut statement = prepare(connection, sql, args)?;
    let changed = statement.raw_execute().map_err(|error| failure(connection, &error))?;
    Ok(changed as u64)
}

/// Runs a statement of this crate that takes no arguments: BEGIN, SAVEPOINT and the like.
pub(crate) fn control(connection: &Connection, sql: &'static str) -> Result<()> {
    exec(connection, sql, &[]).map(drop)
}

fn prepare<'a>(connection: &'a Connection, sql: &'static str, args: &[Value]) -> Result<CachedStatement<'a>> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| failure(connection, &error))?;
    let places = statement.parameter_count();
    // SQLite counts `$n` in order of appearance; its name tells which argument is meant.
    for index in 1..=places {
        let number = number(statement.parameter_name(index)).unwrap_or(usize::MAX);
        let Some(value) = number.checked_sub(1).and_then(|place| args.get(place)) else {
            return Err(Error::Arguments { expected: places, given: args.len(), sql });
        };
        statement.raw_bind_parameter(index, value).map_err(|error| failure(connection, &error))?;
    }
    if places != args.len() {
        return Err(Error::Arguments { expected: places, given: args.len(), sql });
    }
    Ok(statement)
}

/// The number in `$7`.
fn number(name: Option<&str>) -> Option<usize> {
    name?.strip_prefix('$')?.parse().ok()
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let null = ToSqlOutput::Borrowed(ValueRef::Null);
        let output = match self {
            Self::Bool(Some(value)) => ToSqlOutput::from(*value),
            Self::Int(Some(value)) => ToSqlOutput::from(*value),
            Self::Text(Some(value)) => ToSqlOutput::from(value.as_str()),
            Self::Bytes(Some(value)) => ToSqlOutput::from(value.as_slice()),
            Self::Time(Some(value)) => ToSqlOutput::from(value.as_microsecond()),
            Self::Id(Some(value)) => ToSqlOutput::from(value.as_bytes().as_slice()),
            Self::Json(Some(value)) => ToSqlOutput::from(value.to_string()),
            _ => null,
        };
        Ok(output)
    }
}

/// The driver's error in our words.
pub(crate) fn failure(connection: &Connection, error: &rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(inner, message) = error else {
        return Error::Statement(Arc::new(Reason(error.to_string())));
    };
    let message = message.as_deref().unwrap_or_default();
    let cause = || Arc::new(Reason(format!("SQLite {}: {message}", inner.extended_code)));
    match (inner.extended_code, inner.code) {
        (ffi::SQLITE_CONSTRAINT_UNIQUE, _) => Error::Duplicate(duplicate(connection, message)),
        (ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID, _) => {
            Error::Duplicate(dialect::primary_key(message))
        }
        (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, _) => Error::Reference,
        (ffi::SQLITE_BUSY_SNAPSHOT, _) => Error::Retry,
        (_, ErrorCode::ReadOnly) => Error::ReadOnly,
        (_, ErrorCode::DiskFull) => Error::Full(cause()),
        (
            _,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory,
        ) => Error::Unavailable(cause()),
        _ => Error::Statement(cause()),
    }
}

/// SQLite names the columns, but of an index on expressions only the index: its table is looked up.
fn duplicate(connection: &Connection, message: &str) -> String {
    let Some(index) = dialect::index_name(message) else {
        return dialect::unique_columns(message);
    };
    let table: rusqlite::Result<String> = connection.query_row(
        "SELECT tbl_name FROM sqlite_master WHERE type = 'index' AND name = $1",
        [index],
        |row| row.get(0),
    );
    dialect::constraint(&table.unwrap_or_default(), index)
}
