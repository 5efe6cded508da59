//! [`Row`]: what a statement gives back, column by column.

use denizen_kit::id::Id;
use denizen_kit::time::{Timestamp, from_micros};
use rusqlite::types::{Type, ValueRef};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::postgres::types::{Any, Micros, Whole};

/// One row. Columns are counted from 0.
pub struct Row<'a>(pub(crate) Source<'a>);

/// The driver's row.
pub(crate) enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// A type that is made of a row: ten honest lines by hand, once per table.
pub trait FromRow: Sized + Send {
    /// Makes it of the row.
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

/// A type that a column can be read as.
pub trait Column: Sized {
    /// Reads the column.
    #[doc(hidden)]
    fn read(row: &Row<'_>, index: usize) -> Result<Self>;
}

// === impl Row ===

impl Row<'_> {
    /// The column's value; a null is read as an `Option` only.
    pub fn get<T: Column>(&self, index: usize) -> Result<T> {
        T::read(self, index)
    }

    fn is_null(&self, index: usize) -> Result<bool> {
        match &self.0 {
            Source::Sqlite(row) => Ok(sqlite(row, index)?.data_type() == Type::Null),
            Source::Postgres(row) => Ok(postgres::<Option<Any>>(row, index)?.is_none()),
        }
    }
}

fn sqlite<'a>(row: &'a rusqlite::Row<'_>, index: usize) -> Result<ValueRef<'a>> {
    row.get_ref(index).map_err(|_| mismatch(index, "a column that is not there"))
}

fn postgres<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    index: usize,
) -> Result<T> {
    row.try_get(index).map_err(|_| mismatch(index, std::any::type_name::<T>()))
}

fn mismatch(index: usize, wanted: &str) -> Error {
    Error::statement(format!("column {index} cannot be read as {wanted}: null or of another type"))
}

// === impl Column ===

impl<T: Column> Column for Option<T> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        if row.is_null(index)? { Ok(None) } else { T::read(row, index).map(Some) }
    }
}

impl Column for bool {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => match sqlite(row, index)? {
                ValueRef::Integer(value) => Ok(value != 0),
                _ => Err(mismatch(index, "bool")),
            },
            Source::Postgres(row) => postgres(row, index),
        }
    }
}

impl Column for i64 {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => match sqlite(row, index)? {
                ValueRef::Integer(value) => Ok(value),
                _ => Err(mismatch(index, "i64")),
            },
            Source::Postgres(row) => postgres::<Whole>(row, index).map(|whole| whole.0),
        }
    }
}

impl Column for String {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => {
                let text = sqlite(row, index)?.as_str().map_err(|_| mismatch(index, "String"))?;
                Ok(text.to_owned())
            }
            Source::Postgres(row) => postgres(row, index),
        }
    }
}

impl Column for Vec<u8> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => match sqlite(row, index)? {
                ValueRef::Blob(bytes) => Ok(bytes.to_vec()),
                _ => Err(mismatch(index, "bytes")),
            },
            Source::Postgres(row) => postgres(row, index),
        }
    }
}

impl Column for Timestamp {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => match sqlite(row, index)? {
                ValueRef::Integer(micros) => Ok(from_micros(micros)),
                _ => Err(mismatch(index, "Timestamp")),
            },
            Source::Postgres(row) => postgres::<Micros>(row, index).map(|micros| from_micros(micros.0)),
        }
    }
}

impl Column for Uuid {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => match sqlite(row, index)? {
                ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_err(|_| mismatch(index, "Uuid")),
                _ => Err(mismatch(index, "Uuid")),
            },
            Source::Postgres(row) => postgres(row, index),
        }
    }
}

impl<K> Column for Id<K> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        row.get(index).map(Id::from_uuid)
    }
}

impl Column for serde_json::Value {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        match &row.0 {
            Source::Sqlite(row) => {
                let text = sqlite(row, index)?.as_str().map_err(|_| mismatch(index, "JSON"))?;
                serde_json::from_str(text).map_err(|_| mismatch(index, "JSON"))
            }
            Source::Postgres(row) => postgres(row, index),
        }
    }
}

// === impl FromRow ===

impl<A: Column + Send> FromRow for (A,) {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok((row.get(0)?,))
    }
}

impl<A: Column + Send, B: Column + Send> FromRow for (A, B) {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok((row.get(0)?, row.get(1)?))
    }
}

impl<A: Column + Send, B: Column + Send, C: Column + Send> FromRow for (A, B, C) {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    }
}

impl<A: Column + Send, B: Column + Send, C: Column + Send, D: Column + Send> FromRow for (A, B, C, D) {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    }
}
