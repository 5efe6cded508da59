#![doc = include_str!("../README.md")]

mod bell;
mod counters;
mod limit;
mod link;
mod memory;
mod valkey;

use std::fmt;
use std::time::Duration;

use denizen_kit::config::Settings;
use denizen_kit::task::Tasks;
use tokio::sync::broadcast;

pub use crate::limit::{Quota, Verdict};
pub use crate::memory::Memory;
pub use crate::valkey::Valkey;

/// Why there can be no cache.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the server cannot be read. It is not shown: it may hold a password.
    #[error("cache_url cannot be read ({0}); write redis://host:6379 or rediss://user:password@host:6379")]
    Url(String),
}

/// The result of making a cache.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where the fast state of a node is kept.
#[derive(Clone, Default)]
pub struct Config {
    /// `redis://…` or `rediss://…` (TLS) of a Valkey or Redis server; none for this process's memory.
    pub url: Option<String>,
}

/// Fast state that may be lost: values that end, counters, rate limits and bells; in memory or on a server.
#[derive(Clone, Debug)]
pub enum Cache {
    /// In this process, for this process.
    Memory(Memory),
    /// On a Valkey or Redis server, shared by all nodes; in this process while the server is away.
    Valkey(Valkey),
}

// === impl Config ===

impl Config {
    /// Reads `cache_url`.
    pub fn read(settings: &mut Settings) -> Self {
        let meaning = "where nodes share limits, counters and bells: redis:// or rediss://; unset for memory";
        let url = settings.secret("cache_url", meaning);
        if let Some(Err(error)) = url.as_deref().map(link::server) {
            settings.mistake(error.to_string());
        }
        Self { url }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("url", &self.url.as_ref().map(|_| "(set)")).finish()
    }
}

// === impl Cache ===

impl Cache {
    /// A cache in this process's memory.
    pub fn memory() -> Self {
        Cache::Memory(Memory::new())
    }

    /// The cache that the settings ask for. A server that is away is no error: memory serves until it comes.
    pub async fn connect(config: &Config, tasks: &Tasks) -> Result<Cache> {
        match &config.url {
            None => Ok(Self::memory()),
            Some(url) => Ok(Cache::Valkey(Valkey::connect(url, tasks).await?)),
        }
    }

    /// The value of a key, if there is one and it has not ended.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let value = match self {
            Cache::Memory(memory) => memory.get(key),
            Cache::Valkey(valkey) => valkey.get(key).await,
        };
        self.count_request(value.is_some());
        value
    }

    /// Gives a key a value that ends after `ttl`, to the millisecond. No time at all is [`Cache::delete`].
    pub async fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        if ttl < Duration::from_millis(1) {
            return self.delete(key).await;
        }
        match self {
            Cache::Memory(memory) => memory.set(key, value, ttl),
            Cache::Valkey(valkey) => valkey.set(key, value, ttl).await,
        }
    }

    /// Takes a key's value away.
    pub async fn delete(&self, key: &str) {
        match self {
            Cache::Memory(memory) => memory.delete(key),
            Cache::Valkey(valkey) => valkey.delete(key).await,
        }
    }

    /// The value of a key, which nobody gets after this: of many that take at once, one has it.
    pub async fn take(&self, key: &str) -> Option<Vec<u8>> {
        let value = match self {
            Cache::Memory(memory) => memory.take(key),
            Cache::Valkey(valkey) => valkey.take(key).await,
        };
        self.count_request(value.is_some());
        value
    }

    /// Counts one more and returns how many that makes in the window, which begins with its first count.
    pub async fn count(&self, key: &str, window: Duration) -> u64 {
        match self {
            Cache::Memory(memory) => memory.count(key, window),
            Cache::Valkey(valkey) => valkey.count(key, window).await,
        }
    }

    /// Whether one more is within the quota, over all nodes.
    pub async fn limit(&self, key: &str, quota: &Quota) -> Verdict {
        match self {
            Cache::Memory(memory) => memory.limit(key, quota),
            Cache::Valkey(valkey) => valkey.limit(key, quota).await,
        }
    }

    /// Whether one more is within the quota, in this process alone. Never waits; not to be mixed with
    /// [`Cache::limit`] under one key.
    pub fn limit_local(&self, key: &str, quota: &Quota) -> Verdict {
        match self {
            Cache::Memory(memory) => memory.limit(key, quota),
            Cache::Valkey(valkey) => valkey.local().limit(key, quota),
        }
    }

    /// Rings a bell at all nodes, this one included. Never waits; other nodes may miss it while the server is away
    /// or behind, so whoever listens must also look by itself now and then.
    pub fn ring(&self, channel: &str, payload: &[u8]) {
        match self {
            Cache::Memory(memory) => memory.bell().ring(channel, payload),
            Cache::Valkey(valkey) => valkey.ring(channel, payload),
        }
    }

    /// Hears a bell from now on. A slow listener loses the oldest rings and is told how many.
    ///
    /// A channel is a topic, not a person: each costs some kilobytes while it is listened to.
    pub fn listen(&self, channel: &str) -> broadcast::Receiver<Vec<u8>> {
        match self {
            Cache::Memory(memory) => memory.bell().listen(channel),
            Cache::Valkey(valkey) => valkey.local().bell().listen(channel),
        }
    }

    /// Whether the state is where the settings say. A cache that is not healthy still answers, from memory.
    pub fn healthy(&self) -> bool {
        match self {
            Cache::Memory(_) => true,
            Cache::Valkey(valkey) => valkey.healthy(),
        }
    }

    /// `memory` or `valkey`.
    pub fn kind(&self) -> &'static str {
        match self {
            Cache::Memory(_) => "memory",
            Cache::Valkey(_) => "valkey",
        }
    }

    fn count_request(&self, hit: bool) {
        let result = if hit { "hit" } else { "miss" };
        metrics::counter!("denizen_cache_requests_total", "cache" => self.kind(), "result" => result)
            .increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (Config, std::result::Result<(), String>) {
        let variables = [("DENIZEN_CACHE_URL".to_owned(), url.to_owned())];
        let mut settings = Settings::load("", variables);
        let config = Config::read(&mut settings);
        (config, settings.finish().map(|_| ()))
    }

    #[test]
    fn the_address_is_checked_and_never_shown() {
        let (config, result) = read("redis://user:hunter2@cache:6379/1");
        assert_eq!(result, Ok(()));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(read("rediss://cache").1, Ok(()));
        for bad in ["http://user:hunter2@cache", "hunter2", "redis://:hunter2@cache:port", "unix:///hunter2"]
        {
            let text = read(bad).1.unwrap_err();
            assert!(text.contains("cache_url") && !text.contains("hunter2"), "{text}");
        }
    }
}
