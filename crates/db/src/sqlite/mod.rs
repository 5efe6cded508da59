//! The SQLite engine: one file, many readers inline, one writer whose commits are shared.

mod group;
mod statement;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::migrate::{self, Migration};
use crate::shared::{PATIENCE, Shared};
use crate::standing::Standing;

pub(crate) use group::Waiter;
use group::{Token, Writer};
pub(crate) use statement::{Each, EachOf, exec, exec_each, query, query_each};
pub(crate) use write::WriteTx;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// How long SQLite waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(2);

/// Memory for pages in KiB: of the connection that writes, and of each that reads. What is not in it is in the memory
/// that the operating system has to spare, a system call away.
const WRITER_CACHE: u32 = 8 * 1024;
const READER_CACHE: u32 = 1024;

/// How many pages the write-ahead log grows to before they are moved into the file: 16 MiB, so that a page that many
/// commits change is moved once.
const LOG: u32 = 4096;

/// The same for a command that writes much: 64 MiB each.
const BULK_CACHE: u32 = 64 * 1024;
const BULK_LOG: u32 = 16 * 1024;

/// The SQLite engine of one service.
pub(crate) struct Engine {
    file: File,
    readers: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    writer: Arc<tokio::sync::Mutex<Writer>>,
    pub(crate) shared: Arc<Shared>,
}

/// How the file is opened.
#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    fast: bool,
    bulk: bool,
}

// === impl File ===

impl File {
    fn open_writer(&self) -> Result<Connection> {
        let synchronous = if self.fast { "NORMAL" } else { "FULL" };
        let (cache, log) = if self.bulk { (BULK_CACHE, BULK_LOG) } else { (WRITER_CACHE, LOG) };
        // Without spilling a page is written once a commit, however often it was changed; it may take more memory than
        // the cache for as long.
        self.open(&format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA journal_size_limit = 67108864; \
             PRAGMA cache_size = -{cache}; PRAGMA cache_spill = OFF; PRAGMA wal_autocheckpoint = {log};"
        ))
    }

    fn open_reader(&self) -> Result<Connection> {
        self.open(&format!("PRAGMA query_only = ON; PRAGMA cache_size = -{READER_CACHE};"))
    }

    fn open(&self, settings: &str) -> Result<Connection> {
        let connection = Connection::open(&self.path).map_err(|error| self.failure(&error))?;
        connection.busy_timeout(BUSY).map_err(|error| self.failure(&error))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let settings = format!(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
             PRAGMA temp_store = MEMORY; {settings}"
        );
        connection.execute_batch(&settings).map_err(|error| self.failure(&error))?;
        Ok(connection)
    }

    fn failure(&self, error: &rusqlite::Error) -> Error {
        Error::unavailable(format!("{}: {error}", self.path.display()))
    }
}

// === impl Engine ===

impl Engine {
    /// Opens `{data_dir}/{service}.db`, making folder and file if need be, and migrates it. Blocks.
    pub(crate) fn open(config: &Config, shared: Arc<Shared>, migrations: &[Migration]) -> Result<Self> {
        make_folder(&config.data_dir)?;
        let path = config.data_dir.join(format!("{}.db", shared.service));
        let file = File { path, fast: config.fast, bulk: config.bulk };
        let connection = {
            // Held until the steps are done: of processes that start together one makes and migrates the file.
            let _alone = lock_folder(&config.data_dir)?;
            let mut connection = file.open_writer()?;
            migrate::sqlite(&mut connection, migrations)?;
            connection
        };
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            readers: Arc::new(Semaphore::new(cores * 2)),
            idle: Mutex::new(Vec::new()),
            writer: Arc::new(tokio::sync::Mutex::new(Writer::new(file.clone(), connection, shared.clone()))),
            file,
            shared,
        })
    }

    /// A reading connection; waits while all are busy.
    pub(crate) async fn reader(self: &Arc<Self>) -> Result<Reader> {
        let permit = match self.readers.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_reader().await?,
        };
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.file.open_reader()?,
        };
        Ok(Reader { connection: Some(connection), engine: self.clone(), _permit: permit })
    }

    async fn wait_for_reader(&self) -> Result<OwnedSemaphorePermit> {
        let waited = timeout(PATIENCE, self.readers.clone().acquire_owned()).await;
        let permit = waited.map_err(|_| Error::unavailable("all readers are busy"))?;
        permit.map_err(|_| Error::unavailable("the database is closed"))
    }

    /// The right to write; given in the order of asking.
    async fn token(&self) -> Result<Token> {
        if let Ok(token) = self.writer.clone().try_lock_owned() {
            return Ok(token);
        }
        let waited = timeout(PATIENCE, self.writer.clone().lock_owned()).await;
        waited.map_err(|_| Error::unavailable("too many writes are waiting"))
    }

    /// Moves the write-ahead log into the file and empties it, so that nothing deleted stays readable there.
    pub(crate) async fn checkpoint(&self) -> Result<()> {
        let token = group::close(self.token().await?).await?;
        let done = tokio::task::spawn_blocking(move || token.checkpoint());
        done.await.map_err(|_| Error::unavailable("the node is stopping"))?
    }

    /// Commits what is open and closes the connections.
    pub(crate) async fn close(&self) {
        if let Ok(token) = self.token().await
            && let Ok(mut token) = group::close(token).await
        {
            token.close_connection();
        }
        self.readers.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn make_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| Error::unavailable(format!("{}: {error}", path.display())))
}

/// An advisory lock (`flock`) on the folder until it is dropped; none where the file system has no such locks.
fn lock_folder(path: &Path) -> Result<Option<std::fs::File>> {
    match std::fs::File::open(path).and_then(|folder| folder.lock().map(|()| folder)) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(Error::unavailable(format!("{}: {error}", path.display()))),
    }
}

/// What is known of the file of a service, which is neither made nor changed. Blocks.
pub(crate) fn standing(config: &Config, service: &str) -> Result<Standing> {
    const TABLES: &str =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('denizen_history', 'root_mark')";
    const MARK: &str = "SELECT mark FROM root_mark WHERE id = 1";
    let path = config.data_dir.join(format!("{service}.db"));
    if !path.exists() {
        return Ok(Standing::Absent);
    }
    let connection = File { path, fast: config.fast, bulk: false }.open_reader()?;
    let mut tables: Vec<String> = Vec::new();
    query(&connection, TABLES, &[], &mut |row| {
        tables.push(row.get(0)?);
        Ok(())
    })?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let mut mark = None;
    if has("root_mark") {
        query(&connection, MARK, &[], &mut |row| {
            mark = Some(row.get(0)?);
            Ok(())
        })?;
    }
    Ok(Standing::of(has("denizen_history"), mark))
}

/// A reading connection on loan.
pub(crate) struct Reader {
    connection: Option<Connection>,
    engine: Arc<Engine>,
    _permit: OwnedSemaphorePermit,
}

// === impl Reader ===

impl Reader {
    /// The connection.
    pub(crate) fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or(Error::Misuse("the reader was given back"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if !self.engine.readers.is_closed() {
            self.engine.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

/// A snapshot: what it reads was true at its first statement.
pub(crate) struct ReadTx(Reader);

// === impl ReadTx ===

impl ReadTx {
    pub(crate) async fn open(engine: &Arc<Engine>) -> Result<Self> {
        let reader = engine.reader().await?;
        statement::control(reader.connection()?, "BEGIN DEFERRED")?;
        Ok(Self(reader))
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.0
    }
}

impl Drop for ReadTx {
    fn drop(&mut self) {
        let Some(connection) = self.0.connection.take() else { return };
        // A connection whose snapshot does not end would pin the write-ahead log: it is closed instead.
        if statement::control(&connection, "ROLLBACK").is_ok() {
            self.0.connection = Some(connection);
        }
    }
}
