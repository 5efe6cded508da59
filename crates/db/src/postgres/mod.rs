//! The PostgreSQL engine: a schema per service, a pool for transactions, shared connections for single reads.

mod connect;
mod failure;
mod single;
mod statement;
mod transaction;
pub(crate) mod types;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::migrate::{self, Migration};
use crate::shared::{PATIENCE, Shared};
use crate::sqlite::Each;
use crate::standing::Standing;
use crate::value::Value;

use connect::{Address, CONNECT, Connector};
use single::Single;
pub(crate) use statement::Fetched;
pub(crate) use transaction::PgTx;

/// A snapshot.
pub(crate) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A serialisable write (PostgreSQL 15 §13.2.3).
pub(crate) const WRITE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";

/// A write that sees what others commit meanwhile.
pub(crate) const RELAXED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// The PostgreSQL engine of one service.
pub(crate) struct Engine {
    pool: Pool,
    single: Single,
    runtime: Handle,
}

// === impl Engine ===

impl Engine {
    /// Connects, makes the service's schema if need be, and migrates it.
    pub(crate) async fn open(config: &Config, shared: &Shared, migrations: &[Migration]) -> Result<Self> {
        let url = config.url.as_deref().ok_or(Error::Misuse("PostgreSQL needs database_url"))?;
        let Address { config: mut session, tls } = Address::parse(url)?;
        session.application_name(format!("denizen {}", shared.service));
        let service = shared.service;

        let migrator = Connector::new(tls.clone(), "SET statement_timeout = 0".to_owned());
        let opened = tokio::time::timeout(CONNECT, migrator.open(&session)).await;
        let opened = opened.map_err(|_| statement::silence())?;
        let (mut client, task) = opened.map_err(|error| failure::of_connect(&error))?;
        let migrated = migrate::postgres(&mut client, service, migrations).await;
        drop(client);
        task.abort();
        migrated?;

        let setup = setup(service);
        let reading = format!("{setup} SET default_transaction_read_only = on;");
        let single = Single::new(session.clone(), Connector::new(tls.clone(), reading));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(session, Connector::new(tls, setup), recycling);
        let timeouts = Timeouts { wait: Some(PATIENCE), create: Some(CONNECT), recycle: Some(PATIENCE) };
        let pool = Pool::builder(manager).max_size(config.pool).timeouts(timeouts).runtime(Runtime::Tokio1);
        let pool = pool.build().map_err(|error| Error::unavailable(error.to_string()))?;
        Ok(Self { pool, single, runtime: Handle::current() })
    }

    /// A transaction on a connection of its own; it begins with its first statement.
    pub(crate) async fn begin(&self, begin: &'static str) -> Result<PgTx> {
        let client = self.pool.get().await.map_err(|error| failure::of_pool(&error))?;
        Ok(PgTx::new(client, begin, self.runtime.clone()))
    }

    /// One read on a shared connection.
    pub(crate) async fn single(&self, sql: &'static str, args: &[Value], each: Each<'_>) -> Result<()> {
        self.single.query(sql, args, each).await
    }

    /// Writes a table of the schema anew.
    pub(crate) async fn rewrite(&self, table: &'static str) -> Result<()> {
        let client = self.pool.get().await.map_err(|error| failure::of_pool(&error))?;
        let rewritten = client.batch_execute(&format!("VACUUM FULL {table}")).await;
        rewritten.map_err(|error| failure::of_statement(&error))
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.single.close();
    }
}

/// What is known of the schema of a service, which is neither made nor changed.
pub(crate) async fn standing(config: &Config, service: &str) -> Result<Standing> {
    let url = config.url.as_deref().ok_or(Error::Misuse("PostgreSQL needs database_url"))?;
    let Address { config: mut session, tls } = Address::parse(url)?;
    session.application_name("denizen");
    let connector = Connector::new(tls, "SET default_transaction_read_only = on".to_owned());
    let opened = tokio::time::timeout(CONNECT, connector.open(&session)).await;
    let (client, task) =
        opened.map_err(|_| statement::silence())?.map_err(|error| failure::of_connect(&error))?;
    let looked = look(&client, service).await.map_err(|error| failure::of_statement(&error));
    drop(client);
    task.abort();
    looked
}

async fn look(client: &tokio_postgres::Client, service: &str) -> Result<Standing, tokio_postgres::Error> {
    const IS_THERE: &str = "SELECT to_regclass($1::text) IS NOT NULL";
    let history: bool =
        client.query_one(IS_THERE, &[&format!("\"{service}\".denizen_history")]).await?.try_get(0)?;
    let table = format!("\"{service}\".root_mark");
    let marks: bool = client.query_one(IS_THERE, &[&table]).await?.try_get(0)?;
    let mark = if marks {
        client.query_opt(&format!("SELECT mark FROM {table} WHERE id = 1"), &[]).await?
    } else {
        None
    };
    let mark = mark.map(|row| row.try_get(0)).transpose()?;
    Ok(Standing::of(history, mark))
}

/// The settings of a session. Sequential scans are off because they lock whole small tables against other
/// serialisable transactions (PostgreSQL 15 §13.2.3).
fn setup(schema: &str) -> String {
    format!(
        "SET search_path TO \"{schema}\"; SET timezone TO 'UTC'; SET enable_seqscan = off; \
         SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';"
    )
}
