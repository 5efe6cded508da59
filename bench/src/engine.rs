//! The engines a node is measured on.

use crate::Options;

/// Where a node keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// SQLite files, cache in memory: the default.
    Sqlite,
    /// PostgreSQL, and Redis or Valkey when there is one.
    Postgres {
        /// Address of an empty database.
        database: String,
        /// Address of the cache.
        cache: Option<String>,
        /// What is known of the database.
        note: String,
    },
}

// === impl Engine ===

impl Engine {
    /// Those to measure, in order.
    pub(crate) fn wanted(options: &Options) -> Vec<Self> {
        let postgres = options.database_url.clone().map(|database| Self::Postgres {
            database,
            cache: options.cache_url.clone(),
            note: options.database_note.clone(),
        });
        [Self::Sqlite].into_iter().chain(postgres).collect()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres { cache: None, .. } => "PostgreSQL",
            Self::Postgres { cache: Some(_), .. } => "PostgreSQL and Redis",
        }
    }

    /// How a commit reaches the disk, as far as we know.
    pub(crate) fn durability(&self) -> String {
        match self {
            Self::Sqlite => "WAL, synchronous=FULL, group commit (the default)".to_owned(),
            Self::Postgres { note, .. } => note.clone(),
        }
    }
}
