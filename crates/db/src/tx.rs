//! [`Tx`]: one transaction, the same on both engines.

mod each;

use std::sync::Arc;
use std::time::{Duration, Instant};

use denizen_kit::changes::Touched;
use denizen_kit::cx::Cx;
use denizen_kit::id::{Id, UserId};

use crate::error::{Error, Result};
use crate::outbox::{self, Event, Pending};
use crate::postgres;
use crate::row::FromRow;
use crate::scope::{OpenMark, Scope};
use crate::shared::Shared;
use crate::sqlite::{self, Each, ReadTx, Waiter, WriteTx};
use crate::value::{Args, Value};

/// How long an operation may hold SQLite's only writer.
pub(crate) const HOLD_SQLITE: Duration = Duration::from_secs(1);

/// How long an operation may keep a PostgreSQL transaction open.
pub(crate) const HOLD_POSTGRES: Duration = Duration::from_secs(5);

/// One transaction. Dropped without [`Tx::commit`], it is rolled back.
///
/// After a statement has failed, all that is left is to roll back, on both engines.
pub struct Tx {
    inner: Inner,
    shared: Arc<Shared>,
    events: Vec<Pending>,
    mark: Option<OpenMark>,
    scope: Option<Arc<Scope>>,
    started: Instant,
    failed: bool,
}

/// What the transaction is on its engine.
pub(crate) enum Inner {
    /// Finished or rolled back.
    Done,
    /// One read statement, nothing more.
    SqliteSingle(Arc<sqlite::Engine>),
    SqliteRead(ReadTx),
    SqliteWrite(WriteTx),
    /// One read statement, nothing more.
    PostgresSingle(Arc<postgres::Engine>),
    PostgresRead(postgres::PgTx),
    PostgresWrite(postgres::PgTx),
}

/// What is done with the rows of a statement.
enum Want<'a> {
    Rows(Each<'a>),
    Count(Touched),
}

// === impl Tx ===

impl Tx {
    pub(crate) fn reading(inner: Inner, shared: Arc<Shared>, scope: Option<Arc<Scope>>) -> Self {
        let started = Instant::now();
        Self { inner, shared, events: Vec::new(), mark: None, scope, started, failed: false }
    }

    pub(crate) fn writing(inner: Inner, shared: Arc<Shared>, mark: OpenMark) -> Self {
        mark.opened();
        let started = Instant::now();
        Self { inner, shared, events: Vec::new(), mark: Some(mark), scope: None, started, failed: false }
    }

    /// All rows of a statement.
    pub async fn all<T: FromRow>(&mut self, sql: &'static str, args: Args) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        let mut each = |row: &crate::Row<'_>| {
            rows.push(T::from_row(row)?);
            Ok(())
        };
        self.run(sql, &args, Want::Rows(&mut each)).await?;
        Ok(rows)
    }

    /// The row of a statement that gives at most one; more are an error.
    pub async fn opt<T: FromRow>(&mut self, sql: &'static str, args: Args) -> Result<Option<T>> {
        let mut found = None;
        let mut each = |row: &crate::Row<'_>| {
            if found.is_some() {
                return Err(Error::statement(format!("more than one row: {sql}")));
            }
            found = Some(T::from_row(row)?);
            Ok(())
        };
        self.run(sql, &args, Want::Rows(&mut each)).await?;
        Ok(found)
    }

    /// The row of a statement that gives exactly one; none is [`Error::NotFound`].
    pub async fn one<T: FromRow>(&mut self, sql: &'static str, args: Args) -> Result<T> {
        self.opt(sql, args).await?.ok_or(Error::NotFound)
    }

    /// Runs a statement that gives no rows; how many it changed.
    pub async fn exec(&mut self, sql: &'static str, args: Args) -> Result<u64> {
        self.run(sql, &args, Want::Count(Touched::Anything)).await
    }

    /// As [`Tx::exec`], for a statement that changes what belongs to this id and nothing else: copies of all the rest
    /// stay good, see [`Db::changes`](crate::Db::changes).
    pub async fn exec_of<K>(&mut self, id: Id<K>, sql: &'static str, args: Args) -> Result<u64> {
        self.run(sql, &args, Want::Count(Touched::Only(vec![id.uuid()]))).await
    }

    /// As [`Tx::exec`], for the tables of this crate, of whose rows nobody keeps copies.
    pub(crate) async fn exec_beside(&mut self, sql: &'static str, args: Args) -> Result<u64> {
        self.run(sql, &args, Want::Count(Touched::default())).await
    }

    async fn run(&mut self, sql: &'static str, args: &[Value], want: Want<'_>) -> Result<u64> {
        self.check()?;
        let start = Instant::now();
        let outcome = match want {
            Want::Rows(each) => self.inner.query(sql, args, each).await.map(|()| 0),
            Want::Count(touched) => self.inner.exec(sql, args, touched).await,
        };
        self.shared.stated(start.elapsed());
        self.noted(outcome)
    }

    fn noted<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            // Nothing was sent when the arguments do not fit; whatever else failed spoils the transaction.
            self.failed |= !matches!(error, Error::Arguments { .. } | Error::Misuse(_));
            self.note(error);
        }
        outcome
    }

    fn check(&self) -> Result<()> {
        if self.failed {
            return Err(Error::Failed);
        }
        let hold = match self.inner {
            Inner::SqliteWrite(_) => HOLD_SQLITE,
            Inner::PostgresWrite(_) => HOLD_POSTGRES,
            _ => return Ok(()),
        };
        if self.started.elapsed() > hold { Err(Error::Overdue) } else { Ok(()) }
    }

    fn note(&self, error: &Error) {
        let marked = self.mark.as_ref().and_then(OpenMark::scope);
        if let Some(scope) = marked.or(self.scope.as_ref()) {
            scope.note(error);
        }
    }

    /// Tells the world, if the transaction commits.
    #[expect(clippy::needless_pass_by_value, reason = "an event is made for this call and nothing else")]
    pub fn emit(&mut self, cx: &Cx, event: impl Event) {
        self.events.push(Pending::new(&self.shared.secrets.events, cx, &event));
    }

    /// The person whom the transaction's first event is about.
    pub(crate) fn subject(&self) -> Option<UserId> {
        self.events.iter().find_map(|event| event.subject)
    }

    /// Makes what was written durable. In [`Db::run`](crate::Db::run) the transaction is kept until the operation
    /// has ended well, and committed then.
    pub async fn commit(mut self) -> Result<()> {
        self.check()?;
        if let Some(event) = self.events.iter().find(|event| event.data.is_none()) {
            return Err(Error::statement(format!("the event {} cannot be written as JSON", event.kind)));
        }
        let database = Arc::as_ptr(&self.shared) as usize;
        let parks = |mark: &OpenMark| mark.scope().is_some_and(|scope| scope.parks(database));
        if self.mark.as_ref().is_some_and(parks)
            && let Some(scope) = self.mark.take().and_then(OpenMark::into_scope)
        {
            // The parked transaction must not own its scope: each would keep the other alive.
            scope.park(self);
            return Ok(());
        }
        self.finish().await
    }

    /// Commits for good and waits until it is durable.
    pub(crate) async fn finish(mut self) -> Result<()> {
        self.check()?;
        if let Some(mark) = &self.mark {
            mark.finishing();
        }
        let has_events = !self.events.is_empty();
        let finished = self.conclude().await;
        if let Err(error) = &finished {
            self.note(error);
        }
        if has_events && finished.is_ok() {
            self.shared.work.notify_one();
        }
        finished
    }

    async fn conclude(&mut self) -> Result<()> {
        let events = std::mem::take(&mut self.events);
        if let Inner::SqliteWrite(tx) = &mut self.inner {
            for event in events {
                tx.exec(outbox::INSERT, &event.into_args(), Touched::default())?;
            }
            let Inner::SqliteWrite(tx) = std::mem::replace(&mut self.inner, Inner::Done) else {
                return Err(Error::Failed);
            };
            return tx.commit().await;
        }
        match &mut self.inner {
            Inner::PostgresWrite(tx) => {
                let events = events.into_iter().map(Pending::into_args).collect();
                Box::pin(tx.commit(outbox::INSERT, events, &self.shared)).await
            }
            Inner::Done => Err(Error::Failed),
            _ if !events.is_empty() => Err(Error::ReadOnly),
            _ => Ok(()),
        }
    }

    /// Rolls back. The waiter tells when what was seen of others is durable.
    pub(crate) fn roll_back(&mut self) -> Option<Waiter> {
        match std::mem::replace(&mut self.inner, Inner::Done) {
            Inner::SqliteWrite(mut tx) => tx.roll_back(),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tx(of {})", self.shared.service)
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let waiter = self.roll_back();
        let scope = self.mark.as_ref().and_then(OpenMark::scope);
        if let (Some(waiter), Some(scope)) = (waiter, scope) {
            scope.wait_for(waiter);
        }
    }
}

// === impl Inner ===

impl Inner {
    async fn query(&mut self, sql: &'static str, args: &[Value], each: Each<'_>) -> Result<()> {
        match self {
            Self::SqliteSingle(engine) => {
                let reader = engine.reader().await?;
                *self = Self::Done;
                sqlite::query(reader.connection()?, sql, args, each)
            }
            Self::SqliteRead(tx) => sqlite::query(tx.reader().connection()?, sql, args, each),
            Self::SqliteWrite(tx) => tx.query(sql, args, each),
            Self::PostgresSingle(engine) => {
                let engine = engine.clone();
                *self = Self::Done;
                Box::pin(engine.single(sql, args, each)).await
            }
            // What goes over the network is boxed, so that SQLite's futures stay small.
            Self::PostgresRead(tx) | Self::PostgresWrite(tx) => Box::pin(tx.query(sql, args, each)).await,
            Self::Done => {
                Err(Error::Misuse("a single read takes one statement; open a read or a write for more"))
            }
        }
    }

    async fn exec(&mut self, sql: &'static str, args: &[Value], touched: Touched) -> Result<u64> {
        match self {
            Self::SqliteSingle(_) | Self::PostgresSingle(_) => Err(Error::ReadOnly),
            Self::SqliteRead(tx) => sqlite::exec(tx.reader().connection()?, sql, args),
            Self::SqliteWrite(tx) => tx.exec(sql, args, touched),
            Self::PostgresRead(tx) | Self::PostgresWrite(tx) => Box::pin(tx.exec(sql, args)).await,
            Self::Done => Err(Error::Misuse("the transaction has ended")),
        }
    }
}
