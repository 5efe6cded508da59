//! One statement for many lists of arguments: prepared once, and on PostgreSQL sent without a wait in between.

use std::time::Instant;

use tokio::task::yield_now;

use super::{Inner, Tx};
use crate::error::{Error, Result};
use crate::row::{FromRow, Row, Source};
use crate::sqlite::{self, EachOf};
use crate::value::Args;

/// Lists that run before others get a turn on the thread, and that are on their way to PostgreSQL at once.
const CHUNK: usize = 100;

// === impl Tx ===

impl Tx {
    /// Runs a statement that gives no rows once for each list of arguments, in their order; how many rows each changed.
    pub async fn exec_each(&mut self, sql: &'static str, lists: &[Args]) -> Result<Vec<u64>> {
        require_even(lists)?;
        let mut changed = Vec::with_capacity(lists.len());
        for chunk in lists.chunks(CHUNK) {
            self.check()?;
            let start = Instant::now();
            let outcome = self.inner.exec_each(sql, chunk).await;
            self.shared.stated(start.elapsed());
            changed.extend(self.noted(outcome)?);
            yield_now().await;
        }
        Ok(changed)
    }

    /// Runs a statement once for each list of arguments; what it gives for each, at most one row. More are an error.
    pub async fn opt_each<T: FromRow>(
        &mut self,
        sql: &'static str,
        lists: &[Args],
    ) -> Result<Vec<Option<T>>> {
        require_even(lists)?;
        let mut all = Vec::with_capacity(lists.len());
        for chunk in lists.chunks(CHUNK) {
            self.check()?;
            let start = Instant::now();
            let first = all.len();
            all.resize_with(first + chunk.len(), || None);
            let mut each = |index: usize, row: &Row<'_>| match &mut all[first + index] {
                Some(_) => Err(Error::statement(format!("more than one row: {sql}"))),
                slot => {
                    *slot = Some(T::from_row(row)?);
                    Ok(())
                }
            };
            let outcome = self.inner.query_each(sql, chunk, &mut each).await;
            self.shared.stated(start.elapsed());
            self.noted(outcome)?;
        }
        Ok(all)
    }
}

/// The lists are for one statement, so they are of one length.
fn require_even(lists: &[Args]) -> Result<()> {
    let length = lists.first().map_or(0, Vec::len);
    if lists.iter().all(|list| list.len() == length) {
        return Ok(());
    }
    Err(Error::Misuse("the lists of arguments of one statement differ in length"))
}

// === impl Inner ===

impl Inner {
    async fn exec_each(&mut self, sql: &'static str, lists: &[Args]) -> Result<Vec<u64>> {
        match self {
            Self::SqliteSingle(_) | Self::PostgresSingle(_) => Err(Error::ReadOnly),
            Self::SqliteRead(tx) => sqlite::exec_each(tx.reader().connection()?, sql, lists),
            Self::SqliteWrite(tx) => tx.exec_each(sql, lists),
            Self::PostgresRead(tx) | Self::PostgresWrite(tx) => {
                let fetched = Box::pin(tx.run_each(sql, lists)).await?;
                Ok(fetched.into_iter().map(|fetched| fetched.changed).collect())
            }
            Self::Done => Err(Error::Misuse("the transaction has ended")),
        }
    }

    async fn query_each(&mut self, sql: &'static str, lists: &[Args], each: EachOf<'_>) -> Result<()> {
        match self {
            Self::SqliteRead(tx) => sqlite::query_each(tx.reader().connection()?, sql, lists, each),
            Self::SqliteWrite(tx) => tx.query_each(sql, lists, each),
            Self::PostgresRead(tx) | Self::PostgresWrite(tx) => {
                let fetched = Box::pin(tx.run_each(sql, lists)).await?;
                let rows = |(index, fetched): (usize, &crate::postgres::Fetched)| {
                    fetched.rows.iter().try_for_each(|row| each(index, &Row(Source::Postgres(row))))
                };
                fetched.iter().enumerate().try_for_each(rows)
            }
            Self::SqliteSingle(_) | Self::PostgresSingle(_) | Self::Done => {
                Err(Error::Misuse("many reads take a snapshot; open a read or a write for them"))
            }
        }
    }
}
