//! Appends entries to the chain, each event once, and moves the producers' cursors in the same transaction. It does
//! not fetch, open or seal: the batches come ready, because nothing may wait on a peer while the head is locked.

use denizen_db::{Tx, cursor};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use tokio::time::Instant;

use super::checkpoint::checkpoint_if_due;
use crate::App;
use crate::chain::{Head, place};
use crate::error::Result;
use crate::model::{Draft, Tally};
use crate::store;

/// Entries of one producer, ready to be appended, in the order of its log.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Whose events they are.
    pub(crate) producer: Role,
    /// The entries.
    pub(crate) drafts: Vec<Draft>,
}

// === impl Batch ===

impl Batch {
    /// The place of its last event.
    pub(crate) fn end(&self) -> i64 {
        self.drafts.last().map_or(0, |draft| draft.producer_seq)
    }

    /// The entries of events after a place: another process may have taken the others in.
    fn after(&self, position: i64) -> &[Draft] {
        let taken = self.drafts.partition_point(|draft| draft.producer_seq <= position);
        &self.drafts[taken..]
    }
}

/// How much one transaction may still append.
struct Room {
    entries: usize,
    until: Instant,
    used: bool,
}

// === impl Room ===

impl Room {
    fn new(app: &App) -> Self {
        Self { entries: app.config.batch_entries, until: Instant::now() + app.config.batch_time, used: false }
    }

    /// How many of `wanted` entries may follow. The first ones always may, or a slow database would append none.
    fn take(&mut self, wanted: usize) -> usize {
        if self.used && Instant::now() >= self.until {
            return 0;
        }
        let granted = wanted.min(self.entries);
        self.entries -= granted;
        self.used = true;
        granted
    }
}

/// Appends as much of the batches as one transaction takes. Returns, for each, up to where its producer's log is
/// taken in now.
pub(crate) async fn append(app: &App, cx: &Cx, batches: &[&Batch]) -> Result<Vec<i64>> {
    let reason = "the lock on the one head row puts all appenders in a row, and positions are read under it";
    let mut tx = app.db.write_relaxed(reason).await?;
    let head = store::lock_head(&mut tx).await?;
    let mut sums = Sums { head, room: Room::new(app), tally: Tally::default() };
    let mut positions = Vec::with_capacity(batches.len());
    for batch in batches {
        positions.push(append_batch(&mut tx, batch, &mut sums).await?);
    }
    store::count(&mut tx, &sums.tally).await?;
    let place = place(&sums.head, store::positions(&mut tx).await?);
    store::save_head(&mut tx, &sums.head, &app.notary.sign_head(place.clone())).await?;
    checkpoint_if_due(app, cx, &mut tx, place).await?;
    tx.commit().await?;
    Ok(positions)
}

/// What all batches of a transaction share.
struct Sums {
    head: Head,
    room: Room,
    tally: Tally,
}

async fn append_batch(tx: &mut Tx, batch: &Batch, sums: &mut Sums) -> Result<i64> {
    let producer = batch.producer.as_str();
    let position = cursor::position(tx, producer).await?;
    let mut reached = position;
    for chunk in batch.after(position).chunks(store::ROWS) {
        let drafts = &chunk[..sums.room.take(chunk.len())];
        let Some(last) = drafts.last() else { break };
        let links: Vec<_> = drafts.iter().map(|draft| sums.head.append(producer, draft)).collect();
        store::insert(tx, &links, drafts).await?;
        for draft in drafts {
            sums.tally.add(&draft.content);
        }
        reached = last.producer_seq;
    }
    if reached > position {
        cursor::advance(tx, producer, reached).await?;
    }
    Ok(reached)
}
