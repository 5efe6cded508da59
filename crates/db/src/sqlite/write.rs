//! One writing operation, as a part of a group.

use std::sync::Arc;

use denizen_kit::changes::Touched;

use super::Engine;
use super::group::{Token, Waiter, close, close_in_turn};
use super::statement::{self, Each, EachOf};
use crate::error::{Error, Result};
use crate::value::{Args, Value};

/// One operation's part of a group; rolls back when dropped.
pub(crate) struct WriteTx {
    token: Option<Token>,
    engine: Arc<Engine>,
    touched: Touched,
}

// === impl WriteTx ===

impl WriteTx {
    pub(crate) async fn open(engine: &Arc<Engine>) -> Result<Self> {
        let mut token = engine.token().await?;
        if token.is_due() {
            token = close(token).await?;
        }
        token.begin()?;
        Ok(Self { token: Some(token), engine: engine.clone(), touched: Touched::default() })
    }

    fn token(&mut self) -> Result<&mut Token> {
        self.token.as_mut().ok_or(Error::Failed)
    }

    pub(crate) fn query(&mut self, sql: &'static str, args: &[Value], each: Each<'_>) -> Result<()> {
        if !sql.starts_with("SELECT") {
            self.touched.add(Touched::Anything);
        }
        let token = self.token()?;
        let outcome = token.connection().and_then(|connection| statement::query(connection, sql, args, each));
        token.checked(outcome)
    }

    pub(crate) fn exec_each(&mut self, sql: &'static str, lists: &[Args]) -> Result<Vec<u64>> {
        self.touched.add(Touched::Anything);
        let token = self.token()?;
        let outcome = token.connection().and_then(|connection| statement::exec_each(connection, sql, lists));
        token.checked(outcome)
    }

    pub(crate) fn query_each(&mut self, sql: &'static str, lists: &[Args], each: EachOf<'_>) -> Result<()> {
        if !sql.starts_with("SELECT") {
            self.touched.add(Touched::Anything);
        }
        let token = self.token()?;
        let outcome =
            token.connection().and_then(|connection| statement::query_each(connection, sql, lists, each));
        token.checked(outcome)
    }

    pub(crate) fn exec(&mut self, sql: &'static str, args: &[Value], touched: Touched) -> Result<u64> {
        self.touched.add(touched);
        let token = self.token()?;
        let outcome = token.connection().and_then(|connection| statement::exec(connection, sql, args));
        token.checked(outcome)
    }

    /// Commits and waits until it is durable.
    pub(crate) async fn commit(mut self) -> Result<()> {
        let touched = std::mem::take(&mut self.touched);
        let (waiter, first) = self.token()?.release(touched)?;
        if let Some(number) = first {
            let closer = close_in_turn(self.engine.writer.clone(), number);
            self.engine.shared.tasks.spawn("db.closer", closer);
        }
        self.token = None;
        if cfg!(feature = "broken-acknowledge") {
            return Ok(());
        }
        waiter.await.unwrap_or_else(|_| Err(Error::unavailable("the node is stopping")))
    }

    /// Rolls back. The waiter tells when what was seen of the group is durable.
    pub(crate) fn roll_back(&mut self) -> Option<Waiter> {
        self.token.take()?.roll_back()
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        self.roll_back();
    }
}
