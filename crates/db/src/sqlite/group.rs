//! Group commit: transactions run one after another as savepoints of one outer transaction and share its fsync.
//!
//! The writer is a token that is passed on in the order of asking. The first transaction of a group begins the
//! outer one; each runs in a savepoint. Its commit releases the savepoint, leaves a waiter with the group and
//! passes the token on. The first to commit also starts a *closer*, which asks for the token like everybody else:
//! those that asked before it join the group, and when its turn comes it commits the outer transaction on a blocking
//! thread and answers all waiters. Whoever finds the group full or old when taking the token closes it first.
//!
//! Why no wake-up is lost when a future is dropped at a wait:
//! - waiting for the token: nothing has happened, the queue forgets the waiter;
//! - from the token to the end of the savepoint there is no wait but the op's own, and [`WriteTx`](super::WriteTx) rolls back when
//!   dropped there; a group that is then empty is ended on the spot, any other has its closer already;
//! - between the release of the savepoint and the start of the closer there is no wait;
//! - while the outer commit runs, the blocking thread owns the token and answers the waiters, whoever has gone;
//! - after that only an answer is waited for: the op is durable, or its group failed, without the asker too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use denizen_kit::changes::Touched;
use rusqlite::Connection;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::File;
use super::statement::{self, control};
use crate::error::{Error, Result};
use crate::shared::Shared;

/// How many operations share a commit at most.
const FULL: usize = 256;

/// How old a group grows while others wait.
const OLD: Duration = Duration::from_millis(2);

/// The same where nobody is kept waiting: a command that writes much.
const OLD_IN_BULK: Duration = Duration::from_secs(1);

/// The right to write.
pub(crate) type Token = OwnedMutexGuard<Writer>;

/// Tells whether the group became durable.
pub(crate) type Waiter = oneshot::Receiver<Result<()>>;

/// The writing connection and the group that is open on it.
pub(crate) struct Writer {
    file: File,
    connection: Option<Connection>,
    group: Option<Group>,
    groups: u64,
    is_closed: bool,
    shared: Arc<Shared>,
}

/// The operations that will be committed together.
struct Group {
    number: u64,
    opened: Instant,
    operations: usize,
    touched: Touched,
    waiters: Vec<oneshot::Sender<Result<()>>>,
}

// === impl Group ===

impl Group {
    fn wait(&mut self) -> Waiter {
        let (sender, receiver) = oneshot::channel();
        self.waiters.push(sender);
        receiver
    }

    fn answer(self, outcome: &Result<()>) {
        for waiter in self.waiters {
            // Who has gone needs no answer.
            let _ = waiter.send(outcome.clone());
        }
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(file: File, connection: Connection, shared: Arc<Shared>) -> Self {
        Self { file, connection: Some(connection), group: None, groups: 0, is_closed: false, shared }
    }

    pub(super) fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| Error::unavailable("the writing connection was lost"))
    }

    pub(super) fn is_due(&self) -> bool {
        let old = if self.file.bulk { OLD_IN_BULK } else { OLD };
        self.group.as_ref().is_some_and(|group| group.operations >= FULL || group.opened.elapsed() >= old)
    }

    /// Begins a savepoint, and the outer transaction if there is none.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.is_closed {
            return Err(Error::unavailable("the database is closed"));
        }
        if self.connection.is_none() {
            self.connection = Some(self.file.open_writer()?);
        }
        if self.group.is_none() {
            control(self.connection()?, "BEGIN IMMEDIATE")?;
            self.groups += 1;
            let (number, opened, touched) = (self.groups, Instant::now(), Touched::default());
            self.group = Some(Group { number, opened, operations: 0, touched, waiters: Vec::new() });
        }
        let begun = control(self.connection()?, "SAVEPOINT operation");
        if begun.is_err() {
            self.end_empty_group();
        }
        self.checked(begun)
    }

    /// Some failures (disk full, I/O) end the outer transaction: then the whole group has failed.
    pub(super) fn checked<T>(&mut self, outcome: Result<T>) -> Result<T> {
        let Err(error) = &outcome else { return outcome };
        let ended = self.connection.as_ref().is_none_or(Connection::is_autocommit);
        if ended && let Some(group) = self.group.take() {
            group.answer(&Err(error.clone()));
        }
        outcome
    }

    /// Releases the savepoint; the waiter tells when it is durable, the number whether a closer must be started.
    pub(super) fn release(&mut self, touched: Touched) -> Result<(Waiter, Option<u64>)> {
        let released = control(self.connection()?, "RELEASE operation");
        self.checked(released)?;
        let Some(group) = &mut self.group else { return Err(Error::Failed) };
        group.operations += 1;
        group.touched.add(touched);
        let first = (group.operations == 1).then_some(group.number);
        Ok((group.wait(), first))
    }

    /// Rolls the savepoint back. The waiter is for who has seen what the group wrote before.
    pub(super) fn roll_back(&mut self) -> Option<Waiter> {
        self.group.as_ref()?;
        let undone = self.connection().and_then(|connection| {
            control(connection, "ROLLBACK TO operation")?;
            control(connection, "RELEASE operation")
        });
        if let Err(error) = undone {
            // What the savepoint did cannot be told from the rest any more: the group goes with it.
            self.reset();
            self.group.take()?.answer(&Err(error));
            return None;
        }
        if self.end_empty_group() {
            return None;
        }
        self.group.as_mut().map(Group::wait)
    }

    /// Ends the outer transaction if nothing was committed in it.
    fn end_empty_group(&mut self) -> bool {
        let empty = self.group.as_ref().is_some_and(|group| group.operations == 0);
        if empty {
            self.group = None;
            self.reset();
        }
        empty
    }

    /// Rolls the outer transaction back, or drops a connection that cannot; the next write opens another.
    fn reset(&mut self) {
        let Some(connection) = &self.connection else { return };
        if !connection.is_autocommit() && control(connection, "ROLLBACK").is_err() {
            self.connection = None;
        }
    }

    /// Commits the outer transaction and answers the group. Blocks for the disk.
    fn commit(&mut self) {
        let Some(group) = self.group.take() else { return };
        let start = Instant::now();
        self.shared.changes.begin(&group.touched);
        let committed = self.connection().and_then(|connection| control(connection, "COMMIT"));
        self.shared.changes.end(&group.touched);
        let outcome = committed.map_err(|error| match error {
            Error::Full(_) | Error::Unavailable(_) => error,
            // The fault of one operation of the group is no answer to the others.
            other => Error::unavailable(format!("the commit of a group failed: {other}")),
        });
        if outcome.is_err() {
            self.reset();
        }
        self.shared.committed(start.elapsed(), group.operations);
        group.answer(&outcome);
    }

    pub(super) fn checkpoint(&self) -> Result<()> {
        let connection = self.connection()?;
        let mut busy = false;
        statement::query(connection, "PRAGMA wal_checkpoint(TRUNCATE)", &[], &mut |row| {
            busy = row.get::<i64>(0)? != 0;
            Ok(())
        })?;
        if busy {
            Err(Error::unavailable("readers keep the write-ahead log from being emptied"))
        } else {
            Ok(())
        }
    }

    pub(super) fn close_connection(&mut self) {
        self.is_closed = true;
        self.connection = None;
    }
}

/// Closes the group that is open, if any. The token comes back when it is answered.
pub(super) async fn close(mut token: Token) -> Result<Token> {
    if token.group.is_none() {
        return Ok(token);
    }
    let closing = tokio::task::spawn_blocking(move || {
        token.commit();
        token
    });
    closing.await.map_err(|_| Error::unavailable("the node is stopping"))
}

/// Closes the group of that number when those that asked before have written, unless somebody did.
pub(super) async fn close_in_turn(writer: Arc<tokio::sync::Mutex<Writer>>, number: u64) {
    let token = writer.lock_owned().await;
    let is_open = token.group.as_ref().is_some_and(|group| group.number == number);
    if is_open {
        // The group is answered even when the token does not come back.
        let _ = close(token).await;
    }
}
