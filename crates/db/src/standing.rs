//! Which root key a database belongs to: what it was sealed under. A database that is put back from a backup beside
//! another keyring is refused before anything is written into it.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::{Db, args, postgres, sqlite};

/// What is known of a service's database before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It was made by a program that knew no roots.
    Unmarked,
    /// It belongs to the root with this mark.
    Marked(Vec<u8>),
}

impl Standing {
    /// What follows from the tables that there are and from the mark.
    pub(crate) fn of(is_there: bool, mark: Option<Vec<u8>>) -> Self {
        match mark {
            Some(mark) => Self::Marked(mark),
            None if is_there => Self::Unmarked,
            None => Self::Absent,
        }
    }
}

/// Looks at the database of a service without making or changing anything.
pub async fn standing(config: &Config, service: &'static str) -> Result<Standing> {
    if config.url.is_some() {
        return postgres::standing(config, service).await;
    }
    let config = config.clone();
    let looked = tokio::task::spawn_blocking(move || sqlite::standing(&config, service)).await;
    looked.map_err(|error| Error::unavailable(error.to_string()))?
}

// === impl Db ===

impl Db {
    /// Marks the database as sealed under the root with this mark, unless it has a mark. Whether the mark is this one.
    pub async fn belongs_to(&self, mark: &[u8]) -> Result<bool> {
        const MARK: &str = "SELECT mark FROM root_mark WHERE id = 1";
        const INSERT: &str = "INSERT INTO root_mark (id, mark) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
        let found: Option<(Vec<u8>,)> = self.single().await?.opt(MARK, args![]).await?;
        if let Some((found,)) = found {
            return Ok(found == mark);
        }
        let mut tx = self.write_relaxed("one insert, and what is read was committed before").await?;
        tx.exec_beside(INSERT, args![mark.to_vec()]).await?;
        let (found,): (Vec<u8>,) = tx.one(MARK, args![]).await?;
        tx.commit().await?;
        Ok(found == mark)
    }
}
