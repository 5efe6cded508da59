#![doc = include_str!("../README.md")]

mod config;
pub mod cursor;
mod dialect;
mod error;
mod jobs;
mod lag;
mod migrate;
mod once;
mod outbox;
mod postgres;
pub mod replies;
mod row;
mod run;
mod scope;
mod shared;
mod sqlite;
mod standing;
mod tx;
mod value;

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::changes::Changes;
use tokio::sync::watch;

pub use config::{Config, Secrets};
pub use error::{Cause, Error, Result};
pub use migrate::Migration;
pub use outbox::{Event, Record, SOURCE_PLACE};
pub use row::{Column, FromRow, Row};
pub use run::AccessRefused;
pub use standing::{Standing, standing};
pub use tx::Tx;
pub use value::{Args, Value};

use scope::OpenMark;
use shared::Shared;
use tx::Inner;

/// A service's database: a SQLite file or a PostgreSQL schema.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    shared: Arc<Shared>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<sqlite::Engine>),
    Postgres(Arc<postgres::Engine>),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({} on {})", self.service(), self.engine())
    }
}

// === impl Db ===

impl Db {
    /// Opens the file `{data_dir}/{service}.db` or the schema `{service}`, making it if need be, and migrates it.
    pub async fn connect(
        config: &Config,
        service: &'static str,
        secrets: &Secrets,
        migrations: &[Migration],
    ) -> Result<Self> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if service.is_empty() || !service.chars().all(is_name) {
            return Err(Error::Misuse("a service's name has small letters, digits and underscores"));
        }
        if config.url.is_some() {
            let shared = Arc::new(Shared::new(service, "postgres", secrets.clone()));
            let engine = postgres::Engine::open(config, &shared, migrations).await?;
            return Ok(Self { engine: Engine::Postgres(Arc::new(engine)), shared });
        }
        let shared = Arc::new(Shared::new(service, "sqlite", secrets.clone()));
        let (config, migrations, of_engine) = (config.clone(), migrations.to_vec(), shared.clone());
        let opened =
            tokio::task::spawn_blocking(move || sqlite::Engine::open(&config, of_engine, &migrations)).await;
        let engine = opened.map_err(|error| Error::unavailable(error.to_string()))??;
        Ok(Self { engine: Engine::Sqlite(Arc::new(engine)), shared })
    }

    /// Opens a snapshot: all that is read through it was true at one moment. Writing through it is an error.
    pub async fn read(&self) -> Result<Tx> {
        let scope = self.settled().await?;
        let inner = match &self.engine {
            Engine::Sqlite(engine) => Inner::SqliteRead(sqlite::ReadTx::open(engine).await?),
            Engine::Postgres(engine) => Inner::PostgresRead(Box::pin(engine.begin(postgres::READ)).await?),
        };
        Ok(Tx::reading(inner, self.shared.clone(), scope))
    }

    /// Opens what takes exactly one reading statement: the quickest way to read. A second statement is an error.
    pub async fn single(&self) -> Result<Tx> {
        let scope = self.settled().await?;
        let inner = match &self.engine {
            Engine::Sqlite(engine) => Inner::SqliteSingle(engine.clone()),
            Engine::Postgres(engine) => Inner::PostgresSingle(engine.clone()),
        };
        Ok(Tx::reading(inner, self.shared.clone(), scope))
    }

    /// Opens a serialisable write: as if it ran alone. On SQLite it does, so nothing slow may happen within.
    pub async fn write(&self) -> Result<Tx> {
        self.open_write(postgres::WRITE).await
    }

    /// Opens a write that, on PostgreSQL, sees what others commit meanwhile (READ COMMITTED). The reason why that is
    /// enough is for the reader of the code. On SQLite it is the same as [`Db::write`].
    pub async fn write_relaxed(&self, reason: &'static str) -> Result<Tx> {
        let _ = reason;
        self.open_write(postgres::RELAXED).await
    }

    async fn open_write(&self, begin: &'static str) -> Result<Tx> {
        let scope = scope::settled().await?;
        let mark = OpenMark::before_write(scope)?;
        let opened = match &self.engine {
            Engine::Sqlite(engine) => sqlite::WriteTx::open(engine).await.map(Inner::SqliteWrite),
            Engine::Postgres(engine) => Box::pin(engine.begin(begin)).await.map(Inner::PostgresWrite),
        };
        if let (Err(error), Some(scope)) = (&opened, mark.scope()) {
            scope.note(error);
        }
        Ok(Tx::writing(opened?, self.shared.clone(), mark))
    }

    /// Before a read: commits what the operation has parked, and refuses to read beside its open write.
    async fn settled(&self) -> Result<Option<Arc<scope::Scope>>> {
        let scope = scope::settled().await?;
        match &scope {
            Some(scope) if scope.is_writing(self.identity()) => Err(Error::Nested),
            _ => Ok(scope),
        }
    }

    /// Changes when events have got their numbers: then [`Db::events_after`] has more. The value is the last number.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.shared.bell.subscribe()
    }

    /// Wakes the sequencer: another node has written.
    pub fn ring(&self) {
        self.shared.work.notify_one();
    }

    /// What commits change, for who keeps copies of rows. SQLite only, and good while this process alone changes rows
    /// that are there: on PostgreSQL other nodes write, too.
    pub fn changes(&self) -> Option<Changes> {
        match self.engine {
            Engine::Sqlite(_) => Some(self.shared.changes.clone()),
            Engine::Postgres(_) => None,
        }
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<()> {
        let _: (i64,) = self.single().await?.one("SELECT 1", args![]).await?;
        Ok(())
    }

    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// The service whose database it is.
    pub fn service(&self) -> &'static str {
        self.shared.service
    }

    /// How often this process has committed. On SQLite writes share commits, so it is less than their number.
    pub fn commits(&self) -> u64 {
        self.shared.commits()
    }

    /// SQLite: moves the write-ahead log into the file and empties it, so that what was deleted cannot be read
    /// there either. PostgreSQL: nothing.
    pub async fn checkpoint(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.checkpoint().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Writes a table anew, so that what was deleted is in no file of it: SQLite as [`Db::checkpoint`]; PostgreSQL by
    /// `VACUUM FULL`, but for rows that a transaction which is still open may see.
    pub async fn rewrite(&self, table: &'static str) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.checkpoint().await,
            Engine::Postgres(engine) => engine.rewrite(table).await,
        }
    }

    /// Commits what is open and closes the connections. What comes later is an error.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close(),
        }
        self.shared.tasks.stop().await;
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Tells this database from others in the same process.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.shared) as usize
    }

    /// How long an operation may hold a write.
    pub(crate) fn hold(&self) -> Duration {
        match self.engine {
            Engine::Sqlite(_) => tx::HOLD_SQLITE,
            Engine::Postgres(_) => tx::HOLD_POSTGRES,
        }
    }

    pub(crate) fn announce(&self, head: i64) {
        self.shared.announce(head);
    }

    pub(crate) async fn has_work(&self) {
        self.shared.work.notified().await;
    }
}
