//! How far the event log is behind: events that have no number yet, and consumers that have not passed all that have one.
//!
//! It costs two small reads each time, however long the log is: one of the partial index of what waits, one of the few
//! rows of consumers, each with one look into the index of numbers.

use std::time::Duration;

use denizen_kit::time::{Timestamp, elapsed};

use crate::error::Result;
use crate::{Db, args};

/// How often it is measured.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// The first event that waits for its number.
const WAITING: &str = "SELECT at FROM outbox WHERE seq IS NULL ORDER BY place LIMIT 1";

/// Of each consumer: how far it is, the last number given, and when the first event that it has not passed happened.
const CONSUMERS: &str = "SELECT reader.consumer, reader.seq, head.seq, \
         (SELECT event.at FROM outbox AS event WHERE event.seq > reader.seq ORDER BY event.seq LIMIT 1) \
     FROM acknowledgements AS reader CROSS JOIN outbox_head AS head WHERE head.id = 1";

// === impl Db ===

impl Db {
    /// Tells the metrics how far numbering and consumers are behind. Jobs do it every 15 seconds.
    pub async fn measure_lag(&self, now: Timestamp) -> Result<()> {
        let service = self.service();
        let waiting: Option<(Timestamp,)> = self.single().await?.opt(WAITING, args![]).await?;
        metrics::gauge!("denizen_events_unnumbered_age_seconds", "service" => service)
            .set(age(waiting.map(|(at,)| at), now));
        let consumers: Vec<(String, i64, i64, Option<Timestamp>)> =
            self.single().await?.all(CONSUMERS, args![]).await?;
        for (consumer, seq, head, first) in consumers {
            let behind = u32::try_from((head - seq).max(0)).unwrap_or(u32::MAX);
            metrics::gauge!("denizen_events_behind", "service" => service, "consumer" => consumer.clone())
                .set(behind);
            metrics::gauge!("denizen_events_behind_age_seconds", "service" => service, "consumer" => consumer)
                .set(age(first, now));
        }
        Ok(())
    }
}

/// For how long an event has waited; no time at all when there is none.
fn age(event: Option<Timestamp>, now: Timestamp) -> Duration {
    event.map_or(Duration::ZERO, |at| elapsed(at, now))
}
