//! What a database does by itself: numbering events, removing what nobody needs any more, and telling how far behind
//! its consumers are.

use std::time::Duration;

use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Timestamp, before};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::error::Result;
use crate::{Args, Db, args, lag};

/// How often the sequencer looks when no bell rings.
const POLL: Duration = Duration::from_secs(1);

/// The least time between two rounds of numbering. A first event is numbered at once; those that follow soon after it
/// go together, because each round costs all consumers a transaction and a sync of their disks.
const PACE: Duration = Duration::from_millis(50);

/// How often what nobody needs is removed.
const SWEEP: Duration = Duration::from_secs(10);

/// How long events are kept at least, for live updates that lag behind the durable consumers.
const EVENT_AGE: Duration = Duration::from_secs(60);

/// How long replies are kept for idempotency keys.
const REPLY_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many rows are removed in one transaction.
const BATCH: i64 = 1000;

// === impl Db ===

impl Db {
    /// Starts the sequencer, the clean-up and the measuring. Once per database.
    pub fn start_jobs(&self, tasks: &Tasks, clock: &Clock) {
        let db = self.clone();
        tasks.spawn_until_stopped("db.sequencer", async move {
            loop {
                let next = Instant::now() + PACE;
                if let Err(error) = db.sequence().await {
                    tracing::warn!(service = db.service(), %error, "events could not be numbered");
                }
                // A bell that rings too late costs one poll, so the outcome does not matter.
                let _ = timeout(POLL, db.has_work()).await;
                sleep_until(next).await;
            }
        });
        let (db, time) = (self.clone(), clock.clone());
        tasks.spawn_until_stopped("db.sweeper", async move {
            loop {
                sleep(SWEEP).await;
                if let Err(error) = db.sweep(time.now()).await {
                    tracing::warn!(service = db.service(), %error, "old rows could not be removed");
                }
            }
        });
        let (db, time) = (self.clone(), clock.clone());
        tasks.spawn_until_stopped("db.lag", async move {
            loop {
                // A database that does not answer is told of by the sequencer, each second.
                if let Err(error) = db.measure_lag(time.now()).await {
                    tracing::debug!(service = db.service(), %error, "how far events are behind is not known");
                }
                sleep(lag::EVERY).await;
            }
        });
    }

    /// Removes events that all known consumers have passed and that are older than a minute, and replies older than
    /// a day. Jobs do it every ten seconds.
    pub async fn sweep(&self, now: Timestamp) -> Result<()> {
        const EVENTS: &str = "DELETE FROM outbox WHERE seq IN ( \
             SELECT seq FROM outbox WHERE seq <= (SELECT MIN(seq) FROM acknowledgements) AND at < $1 \
             ORDER BY seq LIMIT $2)";
        const REPLIES: &str = "DELETE FROM idempotency WHERE (principal, method, key) IN ( \
             SELECT principal, method, key FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)";
        while self.remove(EVENTS, args![before(now, EVENT_AGE), BATCH]).await? {}
        while self.remove(REPLIES, args![before(now, REPLY_AGE), BATCH]).await? {}
        Ok(())
    }

    /// Removes one batch; whether there may be more.
    async fn remove(&self, sql: &'static str, args: Args) -> Result<bool> {
        let mut tx = self.write_relaxed("removes rows that nobody reads any more").await?;
        let removed = tx.exec_beside(sql, args).await?;
        if removed > 0 {
            tx.commit().await?;
        }
        Ok(removed == BATCH.unsigned_abs())
    }
}
