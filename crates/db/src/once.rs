//! [`Db::run_once`]: a write that takes effect once, however often the client sends it.
//!
//! The reply is kept, sealed, under (principal, method, key) in the operation's own transaction for 24 hours. A
//! request that comes again gets the same reply; another request under the same key is refused. Callers without a
//! name share no keys: for them the request's fingerprint is part of the principal.

use std::fmt::Write as _;
use std::future::Future;

use denizen_kit::cx::{Cx, Idempotency};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::Key;

use crate::error::{Error, Result};
use crate::run::{Keep, Outcome};
use crate::{Db, Tx, args};

/// Where the reply to a request is kept.
pub(crate) struct Slot {
    principal: String,
    method: &'static str,
    wish: Idempotency,
}

// === impl Slot ===

impl Slot {
    fn new(cx: &Cx, method: &'static str, wish: &Idempotency) -> Self {
        let actor = cx.caller().actor();
        let principal = if actor.is_empty() { anonymous(&wish.fingerprint) } else { actor };
        Self { principal, method, wish: wish.clone() }
    }

    /// What a reply is sealed for: it opens for the same request only.
    fn place(&self) -> Vec<u8> {
        let (principal, method, key) = (&self.principal, self.method, &self.wish.key);
        format!("replies/{}:{principal}/{method}/{key}", principal.len()).into_bytes()
    }

    /// The reply that is kept, if any.
    async fn reply(&self, db: &Db) -> Result<Option<Vec<u8>>, Problem> {
        const FIND: &str =
            "SELECT fingerprint, reply FROM idempotency WHERE principal = $1 AND method = $2 AND key = $3";
        let args = args![&self.principal, self.method, &self.wish.key];
        let found: Option<(Vec<u8>, Vec<u8>)> = db.single().await?.opt(FIND, args).await?;
        let Some((fingerprint, sealed)) = found else { return Ok(None) };
        if fingerprint != self.wish.fingerprint {
            return Err(Problem::of(Code::IdempotencyKeyReused));
        }
        let opened = db.shared().secrets.replies.open(&self.place(), &sealed);
        opened.map(Some).map_err(Problem::internal)
    }

    /// Keeps the reply in a transaction.
    pub(crate) async fn keep(&self, cx: &Cx, key: &Key, tx: &mut Tx, reply: &[u8]) -> Result<()> {
        const KEEP: &str = "INSERT INTO idempotency (principal, method, key, fingerprint, reply, at, subject) \
                            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let sealed = key.seal(&self.place(), reply);
        let mut args = args![&self.principal, self.method, &self.wish.key];
        args.extend(args![&self.wish.fingerprint, sealed, cx.now(), tx.subject()]);
        tx.exec_beside(KEEP, args).await.map(drop)
    }
}

fn anonymous(fingerprint: &[u8]) -> String {
    let mut principal = String::from("anonymous:");
    for byte in fingerprint {
        // Writing to a text cannot fail.
        let _ = write!(principal, "{byte:02x}");
    }
    principal
}

// === impl Db ===

impl Db {
    /// The reply that is kept for this call, if it has an idempotency key and came before. An operation that can be
    /// done only once, such as proving a password that it then replaces, looks here first and ends with
    /// [`Db::run_once`].
    pub async fn kept<T>(&self, cx: &Cx, method: &'static str) -> Result<Option<T>, Problem>
    where
        T: prost::Message + Default,
    {
        let Some(wish) = &cx.call().idempotency else { return Ok(None) };
        let reply = Slot::new(cx, method, wish).reply(self).await?;
        reply.map(|reply| decode(&reply)).transpose()
    }

    /// As [`Db::run`], and when the call has an idempotency key, with one effect for all calls under it.
    ///
    /// Only replies are kept, not errors. The operation should end with its commit: what it commits before that is
    /// not in one transaction with the kept reply.
    pub async fn run_once<T, F, Fut>(&self, cx: &Cx, method: &'static str, op: F) -> Result<T, Problem>
    where
        T: prost::Message + Default,
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Problem>> + Send,
    {
        let Some(wish) = &cx.call().idempotency else { return self.run(cx, op).await };
        let slot = Slot::new(cx, method, wish);
        let mut tries = 0;
        cx.mark();
        loop {
            if let Some(reply) = slot.reply(self).await? {
                return decode(&reply);
            }
            let keep = Keep { slot: &slot, encode: T::encode_to_vec };
            match Box::pin(self.attempt(cx, &op, Some(keep))).await {
                Outcome::Answer(Ok(value)) => return Ok(value),
                Outcome::Answer(Err(problem)) => {
                    // The same request may have won meanwhile: then its reply is the answer, not "already taken".
                    let winner = slot.reply(self).await?;
                    return winner.map_or(Err(problem), |reply| decode(&reply));
                }
                Outcome::Again => self.back_off(cx, &mut tries).await?,
            }
        }
    }
}

fn decode<T: prost::Message + Default>(reply: &[u8]) -> Result<T, Problem> {
    T::decode(reply).map_err(|error| Error::statement(format!("a kept reply: {error}")).into())
}
