//! The cache on a Valkey or Redis server (Redis 6.2 or later), with this process's memory to fall back on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::seal;
use denizen_kit::task::Tasks;
use redis::aio::SendError;
use redis::{AsyncConnectionConfig, Client, Cmd, PushInfo, PushKind, Script, Value};
use tokio::sync::mpsc;

use crate::Result;
use crate::counters::micros;
use crate::limit::{Quota, Verdict};
use crate::link::{Link, server};
use crate::memory::{LONGEST, Memory};

/// How many rings wait for the server; more are not sent to other nodes.
const RINGS: usize = 1024;
/// How many rings go in one round trip.
const TOGETHER: usize = 64;

/// What every bell's channel on the server begins with.
const BELL: &str = "denizen:bell:";

/// GCRA on the server's clock; the same as [`Quota::decide`]. All in microseconds.
///
/// KEYS: the key. ARGV: interval, room, how far ahead the node knows the key to be. Returns 1 if allowed, and how far
/// ahead the key is.
const LIMIT: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, room, known = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ahead = (tonumber(redis.call('GET', KEYS[1])) or 0) - now
if ahead < known then ahead = known end
if ahead > room then ahead = room end
if ahead + interval > room then return {0, ahead} end
ahead = ahead + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000))
return {1, ahead}
";

/// A counter whose window begins with its first count.
///
/// KEYS: the key. ARGV: window in milliseconds. Returns the count, and the milliseconds that are left.
const COUNT: &str = r"
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return {count, left}
";

/// A node's tag: rings that come back to the node that sent them are known by it.
type Node = [u8; 16];

/// Values, counters and bells on a server. Clones share the connection.
#[derive(Clone)]
pub struct Valkey {
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<Link>,
    local: Memory,
    rings: mpsc::Sender<Ring>,
    limit: Script,
    count: Script,
}

/// A bell that other nodes must hear.
struct Ring {
    channel: String,
    payload: Vec<u8>,
}

// === impl Valkey ===

impl Valkey {
    /// Connects, or goes on trying in the background.
    pub(crate) async fn connect(url: &str, tasks: &Tasks) -> Result<Self> {
        let client = server(url)?;
        if url.starts_with("rediss://") {
            // Fails when the process has chosen a provider already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let cache = Self::over(client, tasks);
        let link = cache.shared.link.clone();
        if let Err(error) = link.heal().await {
            metrics::gauge!("denizen_cache_up").set(0.0);
            let reason = error.category();
            tracing::warn!(reason, "the cache server is away; this process's memory serves until it comes");
        }
        tasks.spawn_until_stopped("cache", async move { link.keep().await });
        Ok(cache)
    }

    fn over(client: Client, tasks: &Tasks) -> Self {
        let local = Memory::new();
        let mut node = Node::default();
        seal::random(&mut node);
        let heard = local.clone();
        let config = AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| {
            hear(&heard, &node, &push);
            Ok::<(), SendError>(())
        });
        let link = Arc::new(Link::new(client, config, [LIMIT, COUNT], local.clone()));
        let (rings, inbox) = mpsc::channel(RINGS);
        tasks.spawn_until_stopped("cache bells", send_rings(link.clone(), node, inbox));
        let (limit, count) = (Script::new(LIMIT), Script::new(COUNT));
        Self { shared: Arc::new(Shared { link, local, rings, limit, count }) }
    }

    pub(crate) fn local(&self) -> &Memory {
        &self.shared.local
    }

    pub(crate) fn healthy(&self) -> bool {
        self.shared.link.is_up()
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut command = redis::cmd("GET");
        command.arg(value_key(key));
        match self.shared.link.ask(&command, None).await {
            Some(value) => value,
            None => self.local().get(key),
        }
    }

    pub(crate) async fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        let name = value_key(key);
        let mut command = redis::cmd("SET");
        command.arg(&name).arg(value).arg("PX").arg(millis(ttl));
        if self.shared.link.ask::<()>(&command, Some(&name)).await.is_none() {
            self.local().set(key, value, ttl);
        }
    }

    pub(crate) async fn delete(&self, key: &str) {
        let name = value_key(key);
        let mut command = redis::cmd("UNLINK");
        command.arg(&name);
        if self.shared.link.ask::<()>(&command, Some(&name)).await.is_none() {
            self.local().delete(key);
        }
    }

    pub(crate) async fn take(&self, key: &str) -> Option<Vec<u8>> {
        let name = value_key(key);
        let mut command = redis::cmd("GETDEL");
        command.arg(&name);
        match self.shared.link.ask(&command, Some(&name)).await {
            Some(value) => value,
            None => self.local().take(key),
        }
    }

    pub(crate) async fn count(&self, key: &str, window: Duration) -> u64 {
        let mut command = call(&self.shared.count, &format!("denizen:c:{key}"));
        command.arg(millis(window));
        let Some((count, left)) = self.shared.link.ask::<(u64, u64)>(&command, None).await else {
            return self.local().count(key, window);
        };
        self.local().counters().learn_count(key, count, left.saturating_mul(1000));
        count
    }

    pub(crate) async fn limit(&self, key: &str, quota: &Quota) -> Verdict {
        let counters = self.local().counters();
        // What the server last said refuses until then, whatever other nodes do: no need to ask again.
        if let Some(refused) = counters.refusal(key, quota) {
            return refused;
        }
        let asked_at = counters.now();
        // What was used here while the server was away, or has lost its memory, counts there too.
        let known = counters.ahead(key, asked_at);
        let mut command = call(&self.shared.limit, &format!("denizen:l:{key}"));
        command.arg(quota.interval()).arg(quota.room()).arg(known);
        let Some((allowed, ahead)) = self.shared.link.ask::<(bool, u64)>(&command, None).await else {
            return self.local().limit(key, quota);
        };
        counters.learn_limit(key, asked_at, ahead);
        quota.verdict(allowed, ahead)
    }

    pub(crate) fn ring(&self, channel: &str, payload: &[u8]) {
        self.local().bell().ring(channel, payload);
        let ring = Ring { channel: channel.to_owned(), payload: payload.to_vec() };
        if self.shared.rings.try_send(ring).is_err() {
            metrics::counter!("denizen_cache_rings_lost_total").increment(1);
        }
    }
}

impl fmt::Debug for Valkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Valkey").field("healthy", &self.healthy()).finish_non_exhaustive()
    }
}

fn value_key(key: &str) -> String {
    format!("denizen:v:{key}")
}

/// The server's unit of time, and within what it takes.
fn millis(duration: Duration) -> u64 {
    (micros(duration.min(LONGEST)) / 1000).max(1)
}

/// Runs a script that the server has been given when it was connected to.
fn call(script: &Script, key: &str) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(1).arg(key);
    command
}

/// Sends rings to the other nodes, as many at once as there are.
async fn send_rings(link: Arc<Link>, node: Node, mut inbox: mpsc::Receiver<Ring>) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while inbox.recv_many(&mut waiting, TOGETHER).await > 0 {
        let mut commands = redis::pipe();
        for ring in waiting.drain(..) {
            let message = [node.as_slice(), &ring.payload].concat();
            commands.cmd("PUBLISH").arg(format!("{BELL}{}", ring.channel)).arg(message).ignore();
        }
        link.tell(&commands).await;
    }
}

/// Rings this node's bell for what another node has sent.
fn hear(local: &Memory, node: &Node, push: &PushInfo) {
    if push.kind != PushKind::PMessage {
        return;
    }
    let [_pattern, Value::BulkString(channel), Value::BulkString(message)] = push.data.as_slice() else {
        return;
    };
    let Some(channel) = std::str::from_utf8(channel).ok().and_then(|channel| channel.strip_prefix(BELL))
    else {
        return;
    };
    match message.split_first_chunk::<16>() {
        Some((sender, payload)) if sender != node => local.bell().ring(channel, payload),
        Some(_) | None => {}
    }
}
