//! What all gateways share of ACME: account, certificates, proofs, and the lease of who orders. All SQL is here.

use denizen_db::{Db, Error, FromRow, Result, Row, args};
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use uuid::Uuid;

/// The lease: there is one, so that the account is made once and orders come one after the other.
const LEASE: &str = "orders";

/// The database, and the key that seals what is secret in it.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) db: Db,
    pub(super) key: Key,
}

/// What is known of a certificate without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) made_at: Timestamp,
    pub(super) renew_at: Timestamp,
    pub(super) ask_at: Timestamp,
}

/// A name whose last try failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) name: String,
    pub(super) failures: i64,
    pub(super) next_at: Timestamp,
}

/// Everything but contents, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) kept: Vec<Kept>,
    pub(super) failed: Vec<Failed>,
}

/// A certificate with its key, in PEM.
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) chain: String,
    pub(super) key: String,
}

/// A pair as it is kept.
struct SealedPair {
    name: String,
    chain: String,
    key: Vec<u8>,
}

impl FromRow for Kept {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { name: row.get(0)?, made_at: row.get(1)?, renew_at: row.get(2)?, ask_at: row.get(3)? })
    }
}

impl FromRow for Failed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { name: row.get(0)?, failures: row.get(1)?, next_at: row.get(2)? })
    }
}

impl FromRow for SealedPair {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { name: row.get(0)?, chain: row.get(1)?, key: row.get(2)? })
    }
}

// === impl Store ===

impl Store {
    pub(super) async fn state(&self) -> Result<State> {
        let mut tx = self.db.read().await?;
        let kept = tx
            .all("SELECT name, made_at, renew_at, ask_at FROM acme_certificates ORDER BY name", args![])
            .await?;
        let failed =
            tx.all("SELECT name, failures, next_at FROM acme_failures ORDER BY name", args![]).await?;
        Ok(State { kept, failed })
    }

    pub(super) async fn pairs(&self) -> Result<Vec<Pair>> {
        let mut tx = self.db.single().await?;
        let sealed: Vec<SealedPair> =
            tx.all("SELECT name, chain, key FROM acme_certificates ORDER BY name", args![]).await?;
        let open = |pair: SealedPair| {
            let opened = self.key.open_text(&place(&pair.name), &pair.key);
            if opened.is_err() {
                let what = "the key of a certificate does not open; is it the same master_key?";
                tracing::error!(name = pair.name, "{what}");
            }
            opened.ok().map(|key| Pair { name: pair.name, chain: pair.chain, key })
        };
        Ok(sealed.into_iter().filter_map(open).collect())
    }

    pub(super) async fn keep(&self, pair: &Pair, kept: &Kept) -> Result<()> {
        const KEEP: &str = "INSERT INTO acme_certificates (name, chain, key, made_at, renew_at, ask_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET chain = excluded.chain, \
             key = excluded.key, made_at = excluded.made_at, renew_at = excluded.renew_at, ask_at = excluded.ask_at";
        let key = self.key.seal_text(&place(&pair.name), &pair.key);
        let mut tx = self.db.write().await?;
        tx.exec(
            KEEP,
            args![pair.name.clone(), pair.chain.clone(), key, kept.made_at, kept.renew_at, kept.ask_at],
        )
        .await?;
        tx.exec("DELETE FROM acme_failures WHERE name = $1", args![pair.name.clone()]).await?;
        tx.commit().await
    }

    pub(super) async fn postpone(&self, kept: &Kept) -> Result<()> {
        const POSTPONE: &str = "UPDATE acme_certificates SET renew_at = $2, ask_at = $3 WHERE name = $1";
        self.write(POSTPONE, args![kept.name.clone(), kept.renew_at, kept.ask_at]).await.map(drop)
    }

    pub(super) async fn fail(&self, failed: &Failed) -> Result<()> {
        const FAIL: &str = "INSERT INTO acme_failures (name, failures, next_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, next_at = excluded.next_at";
        self.write(FAIL, args![failed.name.clone(), failed.failures, failed.next_at]).await.map(drop)
    }

    pub(super) async fn account(&self, directory: &str) -> Result<Option<String>> {
        const ACCOUNT: &str = "SELECT credentials FROM acme_accounts WHERE directory = $1";
        let mut tx = self.db.single().await?;
        let found: Option<(Vec<u8>,)> = tx.opt(ACCOUNT, args![directory.to_owned()]).await?;
        // An account whose key does not open any more is made anew.
        Ok(found.and_then(|(sealed,)| self.key.open_text(&place(directory), &sealed).ok()))
    }

    pub(super) async fn keep_account(
        &self,
        directory: &str,
        credentials: &str,
        now: Timestamp,
    ) -> Result<()> {
        const KEEP: &str = "INSERT INTO acme_accounts (directory, credentials, made_at) VALUES ($1, $2, $3) \
             ON CONFLICT (directory) DO UPDATE SET credentials = excluded.credentials, made_at = excluded.made_at";
        let sealed = self.key.seal_text(&place(directory), credentials);
        self.write(KEEP, args![directory.to_owned(), sealed, now]).await.map(drop)
    }

    pub(super) async fn forget_account(&self, directory: &str) -> Result<()> {
        self.write("DELETE FROM acme_accounts WHERE directory = $1", args![directory.to_owned()])
            .await
            .map(drop)
    }

    pub(super) async fn put_proof(
        &self,
        (kind, subject): (&str, &str),
        answer: &str,
        ends_at: Timestamp,
    ) -> Result<()> {
        const PUT: &str = "INSERT INTO acme_proofs (kind, subject, answer, ends_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (kind, subject) DO UPDATE SET answer = excluded.answer, ends_at = excluded.ends_at";
        self.write(PUT, args![kind.to_owned(), subject.to_owned(), answer.to_owned(), ends_at])
            .await
            .map(drop)
    }

    pub(super) async fn proof(&self, kind: &str, subject: &str, now: Timestamp) -> Result<Option<String>> {
        const PROOF: &str =
            "SELECT answer FROM acme_proofs WHERE kind = $1 AND subject = $2 AND ends_at > $3";
        let mut tx = self.db.single().await?;
        let found: Option<(String,)> = tx.opt(PROOF, args![kind.to_owned(), subject.to_owned(), now]).await?;
        Ok(found.map(|(answer,)| answer))
    }

    pub(super) async fn drop_proofs(&self, subject: &str, now: Timestamp) -> Result<()> {
        const DROP: &str = "DELETE FROM acme_proofs WHERE subject = $1 OR ends_at <= $2";
        self.write(DROP, args![subject.to_owned(), now]).await.map(drop)
    }

    /// Takes the lease, or keeps it; whether this holder has it now.
    pub(super) async fn take_lease(&self, holder: Uuid, now: Timestamp, ends_at: Timestamp) -> Result<bool> {
        const TAKE: &str = "INSERT INTO acme_leases (name, holder, ends_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at \
             WHERE acme_leases.ends_at <= $4 OR acme_leases.holder = excluded.holder";
        let args = args![LEASE.to_owned(), holder, ends_at, now];
        match self.write(TAKE, args).await {
            Ok(changed) => Ok(changed == 1),
            Err(Error::Duplicate(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn give_lease_back(&self, holder: Uuid) -> Result<()> {
        const GIVE: &str = "DELETE FROM acme_leases WHERE name = $1 AND holder = $2";
        self.write(GIVE, args![LEASE.to_owned(), holder]).await.map(drop)
    }

    async fn write(&self, sql: &'static str, args: denizen_db::Args) -> Result<u64> {
        let mut tx = self.db.write_relaxed("one statement that stands alone").await?;
        let changed = tx.exec(sql, args).await?;
        tx.commit().await?;
        Ok(changed)
    }
}

/// Where a sealed value belongs.
fn place(name: &str) -> Vec<u8> {
    format!("acme/{name}").into_bytes()
}
