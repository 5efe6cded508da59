//! Where the databases are, and the keys of this crate.

use std::path::PathBuf;

use denizen_kit::config::Settings;
use denizen_kit::seal::Key;

/// Where the databases are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of PostgreSQL; none means SQLite.
    pub url: Option<String>,
    /// The folder of the SQLite files.
    pub data_dir: PathBuf,
    /// SQLite only: do not wait for the disk at each commit. A power cut may then lose acknowledged writes.
    pub fast: bool,
    /// SQLite only: the process writes much and serves nobody, so it takes more memory and writes less often.
    pub bulk: bool,
    /// How many PostgreSQL connections a service keeps for transactions.
    pub pool: usize,
}

/// The keys of this crate.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Seals the caller's address in events.
    pub events: Key,
    /// Seals the replies kept for idempotency keys.
    pub replies: Key,
}

// === impl Config ===

impl Config {
    /// Reads `database_url`, `data_dir`, `database.fast` and `database.pool`.
    pub fn read(settings: &mut Settings) -> Self {
        let url = settings.secret(
            "database_url",
            "Address of PostgreSQL, such as postgres://user:password@host/denizen?sslmode=require; \
             without it each service keeps a SQLite file",
        );
        let url = url.map(|url| normal_url(&url));
        if url.as_ref().is_some_and(|url| !url.starts_with("postgres://")) {
            settings.mistake("database_url: only postgres:// addresses are known; leave it out for SQLite");
        }
        let data_dir = settings.text("data_dir", "./denizen-data", "The folder of the SQLite files");
        let fast = settings.value(
            "database.fast",
            "false",
            "SQLite: do not wait for the disk at each commit; a power cut may lose the last writes",
        );
        let pool = settings.parse("database.pool", "8", "PostgreSQL connections per service", read_pool);
        Self {
            url,
            data_dir: data_dir.map_or_else(|| PathBuf::from("./denizen-data"), PathBuf::from),
            fast,
            bulk: false,
            pool,
        }
    }
}

fn read_pool(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size @ 1..=1000) => Ok(size),
        _ => Err("a number from 1 to 1000".to_owned()),
    }
}

/// The address as the driver takes it: other products write `postgresql://` and `postgresql+asyncpg://`.
fn normal_url(url: &str) -> String {
    for prefix in ["postgresql+asyncpg://", "postgresql://"] {
        if let Some(rest) = url.strip_prefix(prefix) {
            return format!("postgres://{rest}");
        }
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_products() {
        for url in ["postgresql+asyncpg://a@b/c", "postgresql://a@b/c", "postgres://a@b/c"] {
            assert_eq!(normal_url(url), "postgres://a@b/c");
        }
    }

    #[test]
    fn an_unknown_engine_is_a_mistake() {
        let mut settings = Settings::load("database_url = \"mysql://a@b/c\"", []);
        Config::read(&mut settings);
        assert!(settings.finish().unwrap_err().contains("only postgres://"));
    }
}
