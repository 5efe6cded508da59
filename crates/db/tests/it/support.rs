//! Opens both engines: SQLite in a throw-away folder, PostgreSQL in a fresh database of the server that
//! `DENIZEN_TEST_DATABASE_URL` names, if it does.

use std::sync::Arc;
use std::time::Duration;

use denizen_db::{Config, Db, Migration, Secrets};
use denizen_kit::caller::Role;
use denizen_kit::cx::{Call, Cx};
use denizen_kit::seal::Key;
use denizen_kit::time::{Clock, Timestamp};
use tempfile::TempDir;

/// The tables of the tests.
pub(crate) const TABLES: Migration = Migration {
    name: "0001_tables",
    sql: "CREATE TABLE things (
            id UUID PRIMARY KEY, flag BOOLEAN, amount BIGINT, name TEXT, raw BYTEA,
            at TIMESTAMPTZ, other UUID, doc JSONB
          );
          CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL, pair BIGINT);
          CREATE UNIQUE INDEX notes_text_key ON notes (text);
          CREATE UNIQUE INDEX notes_id_pair_key ON notes (id, pair);
          CREATE UNIQUE INDEX notes_lower_key ON notes (lower(text)) WHERE pair = 7;
          CREATE TABLE replies (
            id BIGINT PRIMARY KEY,
            note_id BIGINT NOT NULL CONSTRAINT replies_note_id_fkey REFERENCES notes (id)
          );
          CREATE TABLE late_replies (
            id BIGINT PRIMARY KEY,
            note_id BIGINT NOT NULL REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED
          );",
};

/// Where a test's database is.
pub(crate) struct Place {
    pub(crate) config: Config,
    _folder: TempDir,
}

impl Place {
    /// A folder for SQLite.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config =
            Config { url: None, data_dir: folder.path().join("data"), fast: false, bulk: false, pool: 8 };
        Self { config, _folder: folder }
    }

    /// A fresh PostgreSQL database, if there is a server.
    #[expect(clippy::disallowed_methods, reason = "the tests' server is not a setting of the product")]
    #[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("DENIZEN_TEST_DATABASE_URL") else {
            eprintln!("skipped on PostgreSQL: DENIZEN_TEST_DATABASE_URL is not set");
            return None;
        };
        let mut id = [0; 8];
        denizen_kit::seal::random(&mut id);
        let name = format!("db_test_{:016x}", u64::from_be_bytes(id));
        let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let mut place = Self::sqlite();
        place.config.url = Some(format!("{base}/{name}"));
        Some(place)
    }

    /// Both engines, or SQLite alone.
    pub(crate) async fn all() -> Vec<Self> {
        let mut places = vec![Self::sqlite()];
        places.extend(Self::postgres().await);
        places
    }

    /// The database with the tables of the tests.
    pub(crate) async fn open(&self) -> Db {
        self.connect(&[TABLES]).await.unwrap()
    }

    /// The database with these migrations.
    pub(crate) async fn connect(&self, migrations: &[Migration]) -> denizen_db::Result<Db> {
        Db::connect(&self.config, "users", &secrets(), migrations).await
    }
}

/// A SQLite database and the place that keeps it.
pub(crate) async fn sqlite() -> (Place, Db) {
    let place = Place::sqlite();
    let db = place.open().await;
    (place, db)
}

/// The same keys each time, so that a database can be opened again.
pub(crate) fn secrets() -> Secrets {
    Secrets { events: Key::from_bytes([1; 32]), replies: Key::from_bytes([2; 32]) }
}

/// A clock that stands still.
pub(crate) fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(1_790_000_000).unwrap())
}

/// A context, changed as the test needs it.
pub(crate) fn cx(change: impl FnOnce(&mut Call)) -> Cx {
    let clock = clock();
    let mut call = Call::clone(Cx::job(Role::Users, &clock).call());
    change(&mut call);
    Cx::new(Arc::new(call), clock)
}

/// A context of the service itself.
pub(crate) fn job() -> Cx {
    cx(|_| ())
}

/// Fails the test when the future does not end: a lost wake-up shows as this, not as a test that hangs.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it ends")
}

/// Inserts a note.
pub(crate) async fn note(tx: &mut denizen_db::Tx, id: i64) -> denizen_db::Result<u64> {
    tx.exec("INSERT INTO notes (id, text) VALUES ($1, $2)", denizen_db::args![id, format!("note {id}")]).await
}

/// How many notes are there.
pub(crate) async fn notes(db: &Db) -> i64 {
    let (count,) =
        db.single().await.unwrap().one("SELECT COUNT(*) FROM notes", denizen_db::args![]).await.unwrap();
    count
}
