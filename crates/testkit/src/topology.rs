//! Ways to lay the system out.

/// How the roles are spread, and on what they keep their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// All in one node, on SQLite, cache in memory.
    OneOnSqlite,
    /// All in one node, on PostgreSQL and Redis.
    OneOnPostgres,
    /// A node for each service and two for the gateway, on PostgreSQL and Redis.
    Split,
    /// A node for each service and two for the gateway, each service on its own SQLite file, bells by `Watch` only.
    SplitOnSqlite,
}

impl Topology {
    /// Those that can run here.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Topology::OneOnSqlite, Topology::SplitOnSqlite];
        if servers().is_some() {
            all.extend([Topology::OneOnPostgres, Topology::Split]);
        }
        all
    }

    /// Whether the data is on PostgreSQL.
    pub const fn is_postgres(self) -> bool {
        matches!(self, Topology::OneOnPostgres | Topology::Split)
    }

    /// Whether each role has a node of its own.
    pub const fn is_split(self) -> bool {
        matches!(self, Topology::Split | Topology::SplitOnSqlite)
    }
}

/// Addresses of the throw-away PostgreSQL and Redis, if there are any.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their servers are")]
pub fn servers() -> Option<(String, String)> {
    let database = std::env::var("DENIZEN_TEST_DATABASE_URL").ok()?;
    let cache = std::env::var("DENIZEN_TEST_CACHE_URL").ok()?;
    Some((database, cache))
}
