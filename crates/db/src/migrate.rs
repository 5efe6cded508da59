//! Migrations: one file per step in PostgreSQL's DDL, run on either engine, with the books kept by `refinery`.
//!
//! A step whose name ends in `.pg` or `.sqlite` is for that engine only. A database that is ahead of this program
//! (another node was upgraded first) is left alone, as long as all steps known here were run.

use refinery_core::{Migration as Step, Runner};
use rusqlite::Connection;
use tokio_postgres::Client;

use crate::dialect;
use crate::error::{Error, Result};

/// One step of a schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Number and name, such as `0001_users`, with `.pg` or `.sqlite` at the end if it is for one engine only.
    pub name: &'static str,
    /// PostgreSQL's DDL in portable words, types in capitals.
    pub sql: &'static str,
}

/// Keeps two nodes from migrating the same schema at once; any number will do that nothing else locks.
const LOCK_CLASS: i32 = 0x0D31_12E0;

/// The steps of this crate's own tables.
const HOUSE: &[Migration] = &[
    Migration { name: "0001_house", sql: include_str!("../migrations/0001_house.sql") },
    Migration { name: "0002_outbox.pg", sql: include_str!("../migrations/0002_outbox.pg.sql") },
    Migration { name: "0002_outbox.sqlite", sql: include_str!("../migrations/0002_outbox.sqlite.sql") },
    Migration { name: "0003_root_mark", sql: include_str!("../migrations/0003_root_mark.sql") },
];

/// The books of this crate's own steps and of the service's.
const BOOKS: [&str; 2] = ["denizen_house_history", "denizen_history"];

/// Brings a SQLite file up to date. Blocks.
pub(crate) fn sqlite(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    for (book, list) in BOOKS.into_iter().zip([HOUSE, migrations]) {
        let steps = steps(list, ".sqlite", ".pg", dialect::for_sqlite)?;
        let mut runner = Runner::new(&steps);
        runner.set_migration_table_name(book);
        connection.execute_batch(&book_table(book)).map_err(failure)?;
        let applied = runner.get_applied_migrations(connection).map_err(failure)?;
        if !is_ahead(&steps, &applied)? {
            runner.run(connection).map_err(failure)?;
        }
    }
    Ok(())
}

/// Brings a PostgreSQL schema up to date, making it if need be, one node at a time.
pub(crate) async fn postgres(client: &mut Client, service: &str, migrations: &[Migration]) -> Result<()> {
    let prepare = format!(
        "SET lock_timeout = '60s'; SELECT pg_advisory_lock({LOCK_CLASS}, hashtext('{service}')); \
         SET lock_timeout = '30s'; SET client_min_messages = warning; \
         CREATE SCHEMA IF NOT EXISTS \"{service}\"; SET search_path TO \"{service}\";"
    );
    client.batch_execute(&prepare).await.map_err(failure)?;
    for (book, list) in BOOKS.into_iter().zip([HOUSE, migrations]) {
        let steps = steps(list, ".pg", ".sqlite", str::to_owned)?;
        let mut runner = Runner::new(&steps);
        runner.set_migration_table_name(book);
        client.batch_execute(&book_table(book)).await.map_err(failure)?;
        let applied = runner.get_applied_migrations_async(client).await.map_err(failure)?;
        if !is_ahead(&steps, &applied)? {
            runner.run_async(client).await.map_err(failure)?;
        }
    }
    Ok(())
}

/// The books as `refinery` would make them: they are looked into before it runs.
fn book_table(book: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {book} (version INT4 PRIMARY KEY, name VARCHAR(255), \
         applied_on VARCHAR(255), checksum VARCHAR(255))"
    )
}

/// The steps for one engine, as `refinery` names them: `0001_users` is `V1__users`.
fn steps(list: &[Migration], ours: &str, theirs: &str, ddl: impl Fn(&str) -> String) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for migration in list.iter().filter(|migration| !migration.name.ends_with(theirs)) {
        let name = migration.name.strip_suffix(ours).unwrap_or(migration.name);
        let unnumbered = || Error::migration(format!("{name}: a step is named like 0001_users"));
        let (number, words) = name.split_once('_').ok_or_else(unnumbered)?;
        let number: i32 = number.parse().map_err(|_| unnumbered())?;
        let step = Step::unapplied(&format!("V{number}__{words}"), &ddl(migration.sql)).map_err(failure)?;
        steps.push(step);
    }
    Ok(steps)
}

/// Whether the database has steps that this program does not know; an error when it lacks or differs in others.
fn is_ahead(known: &[Step], applied: &[Step]) -> Result<bool> {
    let last_known = known.iter().map(Step::version).max().unwrap_or(0);
    if applied.iter().all(|step| step.version() <= last_known) {
        return Ok(false);
    }
    if let Some(step) = known.iter().find(|step| !applied.contains(step)) {
        return Err(Error::migration(format!("{step} differs from the database, which is ahead")));
    }
    tracing::warn!("the database schema is ahead of this program; it is left as it is");
    Ok(true)
}

fn failure(error: impl std::error::Error) -> Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    Error::migration(text)
}
