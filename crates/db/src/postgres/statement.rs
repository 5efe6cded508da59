//! One prepared statement on one PostgreSQL connection.

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use futures::TryStreamExt;
use tokio_postgres::{Row, Statement};

use super::failure;
use crate::error::{Error, Result};
use crate::value::Value;

/// How long an answer is waited for; the server itself gives up after five seconds.
pub(super) const ANSWER: Duration = Duration::from_secs(6);

/// What a statement gave.
pub(crate) struct Fetched {
    pub(crate) rows: Vec<Row>,
    pub(crate) changed: u64,
}

/// The statement, prepared once per connection, for so many arguments.
pub(super) async fn prepare(client: &ClientWrapper, sql: &'static str, given: usize) -> Result<Statement> {
    let prepared = client.prepare_cached(sql).await;
    let statement = prepared.map_err(|error| failure::of_statement(&error))?;
    let expected = statement.params().len();
    if expected != given {
        return Err(Error::Arguments { expected, given, sql });
    }
    Ok(statement)
}

/// Runs the statement; it is sent when first polled.
pub(super) async fn fetch(client: &ClientWrapper, statement: &Statement, args: &[Value]) -> Result<Fetched> {
    let fetched = collect(client, statement, args).await;
    fetched.map_err(|error| {
        if failure::is_stale_plan(&error) {
            client.statement_cache.clear();
        }
        failure::of_statement(&error)
    })
}

async fn collect(
    client: &ClientWrapper,
    statement: &Statement,
    args: &[Value],
) -> Result<Fetched, tokio_postgres::Error> {
    let mut stream = pin!(client.query_raw(statement, args).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Fetched { rows, changed: stream.rows_affected().unwrap_or(0) })
}

/// The error when no answer came.
pub(super) fn silence() -> Error {
    Error::unavailable("PostgreSQL did not answer in time")
}
