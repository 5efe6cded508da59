//! The connection to the server: there or away, never waited for.
//!
//! Each command has a time limit. The first that fails takes the connection away from all, so that the rest of the
//! node is served from memory at once; a task in the background gets a new one. What was written meanwhile is
//! forgotten on both sides when the server is back: a cache may lose anything, but must not bring back what was
//! deleted.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion,
    RedisResult,
};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::memory::Memory;

/// How long a command may take.
pub(crate) const COMMAND: Duration = Duration::from_millis(100);
/// How long each step of connecting may take.
pub(crate) const CONNECT: Duration = Duration::from_millis(500);
/// How long the server is left alone after a failure.
const AWAY: Duration = Duration::from_secs(1);
/// How often an idle connection is tried, and how long the answer may take.
const BEAT: Duration = Duration::from_secs(1);
/// How many keys that were written while the server was away are remembered one by one.
const TOUCHED: usize = 65_536;
/// How many keys are deleted by one command.
const BATCH: usize = 500;

/// All values of the cache on the server.
const VALUES: &str = "denizen:v:*";
/// All bells on the server.
const BELLS: &str = "denizen:bell:*";
/// A key that shows that the server takes writes.
const PROBE: &str = "denizen:probe";

/// A connection that may be there.
pub(crate) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    scripts: [&'static str; 2],
    local: Memory,
    state: Mutex<State>,
    lost: Notify,
}

#[derive(Default)]
struct State {
    line: Option<Line>,
    generation: u64,
    touched: HashSet<String>,
    /// More keys were written than are remembered: all values must go.
    all_touched: bool,
}

#[derive(Clone)]
struct Line {
    connection: MultiplexedConnection,
    generation: u64,
}

/// Keys that the server may hold an outdated value of.
enum Outdated {
    Keys(Vec<String>),
    All,
}

/// Reads the address of a server.
pub(crate) fn server(url: &str) -> Result<Client, Error> {
    // What the library says may quote the address, and with it the password.
    let unreadable = |error: redis::RedisError| Error::Url(error.category().to_owned());
    if !url.starts_with("redis://") && !url.starts_with("rediss://") {
        return Err(Error::Url("it begins with neither redis:// nor rediss://".to_owned()));
    }
    let info = url.into_connection_info().map_err(unreadable)?;
    // Lingering off: a write that timed out must not arrive after its connection was given up.
    let tcp = TcpSettings::default().set_nodelay(true).set_linger_time(Duration::ZERO);
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_tcp_settings(tcp).set_redis_settings(settings)).map_err(unreadable)
}

// === impl State ===

impl State {
    fn touch(&mut self, key: &str) {
        if self.touched.len() >= TOUCHED {
            self.all_touched = true;
            self.touched.clear();
        }
        if !self.all_touched {
            self.touched.insert(key.to_owned());
        }
    }

    fn outdated(&self) -> Option<Outdated> {
        if self.all_touched {
            return Some(Outdated::All);
        }
        let keys: Vec<String> = self.touched.iter().take(BATCH).cloned().collect();
        (!keys.is_empty()).then_some(Outdated::Keys(keys))
    }

    fn settle(&mut self, outdated: &Outdated) {
        match outdated {
            Outdated::All => self.all_touched = false,
            Outdated::Keys(keys) => keys.iter().for_each(|key| {
                self.touched.remove(key);
            }),
        }
    }
}

// === impl Link ===

impl Link {
    /// Away until [`Link::heal`] succeeds. `config` says where pushed messages go.
    pub(crate) fn new(
        client: Client,
        config: AsyncConnectionConfig,
        scripts: [&'static str; 2],
        local: Memory,
    ) -> Self {
        let config = config.set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CONNECT));
        Self { client, config, scripts, local, state: Mutex::default(), lost: Notify::new() }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state().line.is_some()
    }

    /// Runs a command; none when the server is away. `writes` is the key that it changes, if any.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd, writes: Option<&str>) -> Option<T> {
        let mut line = self.line(writes)?;
        let answer = command.query_async(&mut line.connection);
        let answer = timeout(COMMAND, answer).await;
        self.judge(line.generation, writes, answer)
    }

    /// Runs commands whose answers do not matter.
    pub(crate) async fn tell(&self, commands: &Pipeline) {
        let Some(mut line) = self.line(None) else { return };
        let answer = timeout(COMMAND, commands.query_async::<()>(&mut line.connection)).await;
        self.judge(line.generation, None, answer);
    }

    /// Keeps the connection, for ever.
    pub(crate) async fn keep(&self) {
        loop {
            if self.is_up() {
                tokio::select! {
                    () = self.lost.notified() => {}
                    () = sleep(BEAT) => self.beat().await,
                }
                continue;
            }
            sleep(AWAY).await;
            if let Err(error) = self.heal().await {
                tracing::debug!(reason = error.category(), "the cache server is still away");
            }
        }
    }

    async fn beat(&self) {
        let Some(mut line) = self.line(None) else { return };
        let answer = timeout(BEAT, redis::cmd("PING").query_async::<()>(&mut line.connection)).await;
        self.judge(line.generation, None, answer);
    }

    /// Connects, if the server is there and takes writes.
    pub(crate) async fn heal(&self) -> RedisResult<()> {
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        // A server that is full or read-only answers reads; half a cache is worse than one in memory.
        redis::cmd("SET").arg(PROBE).arg(1).arg("PX").arg(1000).exec_async(&mut connection).await?;
        for script in self.scripts {
            redis::cmd("SCRIPT").arg("LOAD").arg(script).exec_async(&mut connection).await?;
        }
        connection.psubscribe(BELLS).await?;
        while let Some(outdated) = self.publish_if_settled(&connection) {
            match &outdated {
                Outdated::Keys(keys) => redis::cmd("UNLINK").arg(keys).exec_async(&mut connection).await?,
                Outdated::All => unlink_all(&mut connection).await?,
            }
            self.state().settle(&outdated);
        }
        Ok(())
    }

    /// Lets everybody use the connection, unless the server still holds something outdated.
    fn publish_if_settled(&self, connection: &MultiplexedConnection) -> Option<Outdated> {
        let mut state = self.state();
        if let Some(outdated) = state.outdated() {
            return Some(outdated);
        }
        state.generation += 1;
        state.line = Some(Line { connection: connection.clone(), generation: state.generation });
        self.local.forget_values();
        metrics::gauge!("denizen_cache_up").set(1.0);
        tracing::info!("the cache server answers");
        None
    }

    fn line(&self, writes: Option<&str>) -> Option<Line> {
        let mut state = self.state();
        if state.line.is_none()
            && let Some(key) = writes
        {
            state.touch(key);
        }
        state.line.clone()
    }

    fn judge<T, E>(
        &self,
        generation: u64,
        writes: Option<&str>,
        answer: Result<RedisResult<T>, E>,
    ) -> Option<T> {
        let (kind, reason) = match answer {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => ("error", error.category().to_owned()),
            Err(_elapsed) => ("timeout", "no answer in time".to_owned()),
        };
        metrics::counter!("denizen_cache_errors_total", "reason" => kind).increment(1);
        let mut state = self.state();
        let is_present = state.line.as_ref().is_some_and(|line| line.generation == generation);
        // A write that failed leaves the server's value unknown, whichever connection is there by now.
        if is_present || writes.is_some() {
            if state.line.take().is_some() {
                self.local.forget_values();
                metrics::gauge!("denizen_cache_up").set(0.0);
                tracing::warn!(reason, "the cache server is away; this process's memory serves");
                self.lost.notify_one();
            }
            if let Some(key) = writes {
                state.touch(key);
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn unlink_all(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(VALUES).arg("COUNT").arg(BATCH);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(keys).exec_async(connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_written_while_away_are_remembered_until_too_many() {
        let mut state = State::default();
        state.touch("a");
        let Some(Outdated::Keys(keys)) = state.outdated() else { panic!("one key") };
        assert_eq!(keys, ["a"]);
        state.settle(&Outdated::Keys(keys));
        assert!(state.outdated().is_none());
        for index in 0..=TOUCHED {
            state.touch(&index.to_string());
        }
        assert!(matches!(state.outdated(), Some(Outdated::All)));
        state.touch("b");
        state.settle(&Outdated::All);
        assert!(state.outdated().is_none());
    }
}
