//! One transaction on a PostgreSQL connection of its own.
//!
//! `BEGIN` travels with the first statement and the events with `COMMIT`, so that neither costs a round trip. A
//! connection goes back to the pool only when its transaction is known to have ended; otherwise it is closed.

use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object};
use futures::future::{join, join_all};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::statement::Fetched;
use super::{failure, statement};
use crate::error::{Error, Result};
use crate::row::{Row, Source};
use crate::shared::Shared;
use crate::sqlite::Each;
use crate::value::{Args, Value};

/// How long a rollback is waited for before the connection is closed instead.
const ROLLBACK: Duration = Duration::from_secs(2);

/// A connection on loan from the pool.
struct Lease {
    client: Option<Object>,
    /// No transaction is open on it.
    clean: bool,
}

// === impl Lease ===

impl Lease {
    /// Ends the transaction, then gives the connection back; one that does not answer is closed.
    async fn roll_back(mut self) {
        self.clean = match &self.client {
            Some(client) => {
                timeout(ROLLBACK, client.batch_execute("ROLLBACK")).await.is_ok_and(|sent| sent.is_ok())
            }
            None => false,
        };
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.clean
        {
            drop(Object::take(client));
        }
    }
}

/// One transaction; rolled back when dropped.
pub(crate) struct PgTx {
    lease: Option<Lease>,
    begin: &'static str,
    begun: bool,
    /// An answer did not come in time: rolling back would wait for it as well.
    silent: bool,
    runtime: Handle,
}

// === impl PgTx ===

impl PgTx {
    pub(crate) fn new(client: Object, begin: &'static str, runtime: Handle) -> Self {
        let lease = Lease { client: Some(client), clean: false };
        Self { lease: Some(lease), begin, begun: false, silent: false, runtime }
    }

    pub(crate) async fn query(&mut self, sql: &'static str, args: &[Value], each: Each<'_>) -> Result<()> {
        let fetched = self.run(sql, args).await?;
        fetched.rows.iter().try_for_each(|row| each(&Row(Source::Postgres(row))))
    }

    pub(crate) async fn exec(&mut self, sql: &'static str, args: &[Value]) -> Result<u64> {
        Ok(self.run(sql, args).await?.changed)
    }

    async fn run(&mut self, sql: &'static str, args: &[Value]) -> Result<Fetched> {
        let fetched = self.run_all(sql, &[args]).await?.pop();
        fetched.ok_or(Error::Misuse("a statement without arguments to run it with"))
    }

    /// Runs a statement for each list of arguments, all of one length and sent at once; the answers are in their order.
    pub(crate) async fn run_each(&mut self, sql: &'static str, lists: &[Args]) -> Result<Vec<Fetched>> {
        let lists: Vec<&[Value]> = lists.iter().map(Vec::as_slice).collect();
        self.run_all(sql, &lists).await
    }

    async fn run_all(&mut self, sql: &'static str, lists: &[&[Value]]) -> Result<Vec<Fetched>> {
        let client = client(self.lease.as_ref())?;
        let given = lists.first().map_or(0, |args| args.len());
        let prepared = timeout(statement::ANSWER, statement::prepare(client, sql, given)).await;
        self.silent |= prepared.is_err();
        let statement = prepared.map_err(|_| statement::silence())??;

        // BEGIN is sent from here on, not before: a drop must roll back, and a second statement not begin again.
        let is_first = !std::mem::replace(&mut self.begun, true);
        let begin = async {
            if is_first {
                client.batch_execute(self.begin).await.map_err(|error| failure::of_statement(&error))?;
            }
            Ok(())
        };
        let fetch = join_all(lists.iter().map(|args| statement::fetch(client, &statement, args)));
        // Polled in this order, so BEGIN goes first.
        let answered = timeout(statement::ANSWER, join(begin, fetch)).await;
        self.silent |= answered.is_err();
        let (begun, fetched) = answered.map_err(|_| statement::silence())?;
        begun?;
        fetched.into_iter().collect()
    }

    /// Commits, with these rows inserted by `insert` before.
    pub(crate) async fn commit(
        &mut self,
        insert: &'static str,
        rows: Vec<Args>,
        shared: &Shared,
    ) -> Result<()> {
        if !self.begun && rows.is_empty() {
            return Ok(());
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        let begin = is_first.then_some(self.begin);
        let start = Instant::now();
        let client = client(self.lease.as_ref())?;
        let answered = timeout(statement::ANSWER, conclude(client, begin, insert, &rows)).await;
        self.silent |= answered.is_err();
        answered.map_err(|_| statement::silence())??;
        if let Some(lease) = &mut self.lease {
            lease.clean = true;
        }
        self.lease = None;
        shared.committed(start.elapsed(), 1);
        Ok(())
    }
}

fn client(lease: Option<&Lease>) -> Result<&ClientWrapper> {
    let object = lease.and_then(|lease| lease.client.as_ref());
    object.map(|object| &**object).ok_or(Error::Misuse("the transaction has ended"))
}

/// Sends BEGIN if need be, the rows, and COMMIT, all at once. When a row fails, COMMIT rolls back.
async fn conclude(
    client: &ClientWrapper,
    begin: Option<&str>,
    insert: &'static str,
    rows: &[Args],
) -> Result<()> {
    let mut inserts = Vec::with_capacity(rows.len());
    for row in rows {
        inserts.push((statement::prepare(client, insert, row.len()).await?, row));
    }
    let begun = async {
        match begin {
            Some(begin) => client.batch_execute(begin).await,
            None => Ok(()),
        }
    };
    let inserted = join_all(inserts.iter().map(|(sql, row)| statement::fetch(client, sql, row)));
    let (begun, (inserted, committed)) = join(begun, join(inserted, client.batch_execute("COMMIT"))).await;
    begun.map_err(|error| failure::of_commit(&error))?;
    for insert in inserted {
        if let Err(error) = insert {
            // The connection may have been lost after COMMIT was read: then the outcome is not known.
            return Err(if client.is_closed() { failure::unknown_outcome() } else { error });
        }
    }
    committed.map_err(|error| failure::of_commit(&error))
}

impl Drop for PgTx {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        if self.silent {
            return;
        }
        if !self.begun {
            lease.clean = true;
            return;
        }
        self.runtime.spawn(lease.roll_back());
    }
}
