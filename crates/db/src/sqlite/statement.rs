//! One statement on one SQLite connection, run inline.

use std::sync::Arc;

use rusqlite::ffi;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};

use crate::dialect;
use crate::error::{Error, Reason, Result};
use crate::row::{Row, Source};
use crate::value::{Args, Value};

/// What is done with each row.
pub(crate) type Each<'a> = &'a mut (dyn FnMut(&Row<'_>) -> Result<()> + Send);

/// What is done with each row of each list of arguments.
pub(crate) type EachOf<'a> = &'a mut (dyn FnMut(usize, &Row<'_>) -> Result<()> + Send);

/// Runs a statement that gives rows.
pub(crate) fn query(
    connection: &Connection,
    sql: &'static str,
    args: &[Value],
    each: Each<'_>,
) -> Result<()> {
    let mut statement = prepare(connection, sql, args)?;
    drain(connection, statement.raw_query(), each)
}

/// Runs a statement that gives no rows; how many it changed.
pub(crate) fn exec(connection: &Connection, sql: &'static str, args: &[Value]) -> Result<u64> {
    let mut statement = prepare(connection, sql, args)?;
    let changed = statement.raw_execute().map_err(|error| failure(connection, &error))?;
    Ok(changed as u64)
}

/// Runs a statement that gives rows once for each list of arguments; `each` gets the number of the list too, from 0.
pub(crate) fn query_each(
    connection: &Connection,
    sql: &'static str,
    lists: &[Args],
    each: EachOf<'_>,
) -> Result<()> {
    let mut statement = cached(connection, sql)?;
    let places = places(&statement);
    for (index, args) in lists.iter().enumerate() {
        bind(connection, &mut statement, (&places, sql), args)?;
        drain(connection, statement.raw_query(), &mut |row| each(index, row))?;
    }
    Ok(())
}

/// Runs a statement that gives no rows once for each list of arguments; how many rows each changed.
pub(crate) fn exec_each(connection: &Connection, sql: &'static str, lists: &[Args]) -> Result<Vec<u64>> {
    let mut statement = cached(connection, sql)?;
    let places = places(&statement);
    let mut changed = Vec::with_capacity(lists.len());
    for args in lists {
        bind(connection, &mut statement, (&places, sql), args)?;
        changed.push(statement.raw_execute().map_err(|error| failure(connection, &error))? as u64);
    }
    Ok(changed)
}

fn drain(connection: &Connection, mut rows: rusqlite::Rows<'_>, each: Each<'_>) -> Result<()> {
    loop {
        match rows.next() {
            Ok(Some(row)) => each(&Row(Source::Sqlite(row)))?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(failure(connection, &error)),
        }
    }
}

/// Runs a statement of this crate that takes no arguments: BEGIN, SAVEPOINT and the like.
pub(crate) fn control(connection: &Connection, sql: &'static str) -> Result<()> {
    exec(connection, sql, &[]).map(drop)
}

fn prepare<'a>(connection: &'a Connection, sql: &'static str, args: &[Value]) -> Result<CachedStatement<'a>> {
    let mut statement = cached(connection, sql)?;
    let places = places(&statement);
    bind(connection, &mut statement, (&places, sql), args)?;
    Ok(statement)
}

fn cached<'a>(connection: &'a Connection, sql: &'static str) -> Result<CachedStatement<'a>> {
    connection.prepare_cached(sql).map_err(|error| failure(connection, &error))
}

/// The number of the argument that each parameter means. SQLite counts `$n` in order of appearance; its name tells.
fn places(statement: &CachedStatement<'_>) -> Vec<usize> {
    let numbers = (1..=statement.parameter_count()).map(|index| number(statement.parameter_name(index)));
    numbers.map(|number| number.unwrap_or(usize::MAX)).collect()
}

fn bind(
    connection: &Connection,
    statement: &mut CachedStatement<'_>,
    (places, sql): (&[usize], &'static str),
    args: &[Value],
) -> Result<()> {
    let mismatch = || Error::Arguments { expected: places.len(), given: args.len(), sql };
    for (index, number) in (1..).zip(places) {
        let value = number.checked_sub(1).and_then(|place| args.get(place)).ok_or_else(mismatch)?;
        statement.raw_bind_parameter(index, value).map_err(|error| failure(connection, &error))?;
    }
    if places.len() == args.len() { Ok(()) } else { Err(mismatch()) }
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
