//! A walk along the stored chain, step by step: over the contract in answers of some seconds each, on the command line in
//! one go.
//!
//! It starts at the beginning, or at a signed checkpoint. Each step is one snapshot; links never change, so the whole
//! needs no transaction around it.

use std::collections::BTreeMap;

use denizen_db::{Db, Tx};
use serde_json::json;

use crate::chain::{Broken, Fault, Head, Walk};
use crate::error::{Error, Result};
use crate::kept::Kept;
use crate::notary::{Notary, Place, Statement, name};
use crate::ranges::Ranges;
use crate::store::{self, Checkpoint};

/// How many links one step reads.
const CHUNK: i64 = 1_000;

/// A walk that is under way.
#[derive(Clone, Debug)]
pub struct Verification {
    walk: Walk,
    from: i64,
    checkpoints: i64,
    removed: i64,
    /// Name of the last checkpoint, where it is known.
    previous: Option<String>,
    /// Seq of the last checkpoint: up to there the chain is what was signed.
    proved: i64,
    broken: Option<Broken>,
    kept: Kept,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Seq of the last entry that holds.
    pub entries: i64,
    /// Hash of the head as it is stored.
    pub head: Vec<u8>,
    /// The first entry that does not hold.
    pub broken: Option<Broken>,
    /// Seq of the first entry that was looked at.
    pub from: i64,
    /// How many signed checkpoints were looked at.
    pub checkpoints: i64,
    /// With how many of those that were kept elsewhere the trail agrees.
    pub compared: i64,
    /// How many entries have lost their contents to retention.
    pub removed: i64,
    /// For each producer the last place of its log in the trail.
    pub positions: BTreeMap<String, i64>,
}

/// What one step reads, all of one moment.
struct Chunk {
    head: Head,
    positions: BTreeMap<String, i64>,
    cut: Option<Checkpoint>,
    links: Vec<store::Linked>,
    checkpoints: Vec<Checkpoint>,
    removals: Vec<store::Removal>,
    stray: Option<i64>,
    /// Seq of the last checkpoint.
    promised: i64,
    signature: Option<Vec<u8>>,
}

// === impl Verification ===

impl Verification {
    /// A walk along the whole chain.
    pub fn full() -> Self {
        Self::from_place(&Place::default(), Some(String::new()))
    }

    /// A walk along the last `entries` entries at least: from the newest checkpoint before them, or the whole chain
    /// when there is none.
    pub async fn late(db: &Db, notary: &Notary, entries: i64) -> Result<Self> {
        let mut tx = db.read().await?;
        let head = store::head(&mut tx).await?;
        let Some(found) = store::checkpoint_before(&mut tx, head.seq - entries).await? else {
            return Ok(Self::full());
        };
        let Some(Statement::Checkpoint { place, .. }) = notary.open(&found.signed) else {
            let mut refused = Self::full();
            refused.broken = Some(Broken { seq: found.seq, fault: Fault::Statement });
            return Ok(refused);
        };
        Ok(Self::from_place(&place, Some(name(&found.signed.statement))))
    }

    /// Goes on where [`Verification::cursor`] was taken.
    pub(crate) fn resume(notary: &Notary, cursor: &str) -> Result<Self> {
        let signed = crate::notary::Signed::from_cursor(cursor);
        let statement = signed.and_then(|signed| notary.open(&signed));
        let Some(Statement::Walk { place, from, checkpoints, removed, previous }) = statement else {
            return Err(Error::Field {
                pointer: "/cursor",
                code: "invalid",
                detail: "send next_cursor as it came".to_owned(),
            });
        };
        Ok(Self { from, checkpoints, removed, ..Self::from_place(&place, previous) })
    }

    fn from_place(place: &Place, previous: Option<String>) -> Self {
        Self {
            walk: Walk::from(place),
            from: place.seq + 1,
            checkpoints: 0,
            removed: 0,
            previous,
            proved: place.seq,
            broken: None,
            kept: Kept::default(),
        }
    }

    /// The same walk, held against checkpoints that were kept elsewhere, but for those of before its beginning.
    #[must_use]
    pub fn against(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    /// Where it is, for going on later.
    pub(crate) fn cursor(&self, notary: &Notary) -> String {
        let statement = Statement::Walk {
            place: self.walk.place(),
            from: self.from,
            checkpoints: self.checkpoints,
            removed: self.removed,
            previous: self.previous.clone(),
        };
        notary.sign(&statement).to_cursor()
    }

    /// Seq of the last entry that holds.
    pub fn reached(&self) -> i64 {
        self.walk.reached().seq
    }

    /// Takes one step. Returns what was found when the walk has ended.
    pub async fn advance(&mut self, db: &Db, notary: &Notary) -> Result<Option<Verdict>> {
        let chunk = self.read(db).await?;
        if self.broken.is_none() {
            self.broken = self.look_at(&chunk, notary).err();
        }
        if self.broken.is_none() && self.reached() < chunk.head.seq {
            return Ok(None);
        }
        Ok(Some(Verdict {
            entries: self.reached(),
            head: chunk.head.hash,
            broken: self.broken.clone(),
            from: self.from,
            checkpoints: self.checkpoints,
            compared: self.kept.compared(),
            removed: self.removed,
            positions: chunk.positions,
        }))
    }

    async fn read(&self, db: &Db) -> Result<Chunk> {
        let mut tx = db.read().await?;
        let head = store::head(&mut tx).await?;
        let cut = store::cut(&mut tx).await?;
        let begin = cut.as_ref().map_or(0, |cut| cut.seq).max(self.reached());
        let links = store::links(&mut tx, begin, head.seq, CHUNK).await?;
        let end = links.last().map_or(begin, |linked| linked.link.seq);
        let checkpoints = store::checkpoints_between(&mut tx, begin, end).await?;
        let removals = store::removals_between(&mut tx, begin, end).await?;
        let positions = store::positions(&mut tx).await?;
        let stray = stray(&mut tx, &head, cut.as_ref()).await?;
        let promised = store::last_checkpoint(&mut tx).await?.map_or(0, |last| last.seq);
        let signature = store::signature(&mut tx).await?;
        Ok(Chunk { head, positions, cut, links, checkpoints, removals, stray, promised, signature })
    }

    fn look_at(&mut self, chunk: &Chunk, notary: &Notary) -> Result<(), Broken> {
        self.follow_cut(chunk, notary)?;
        if let Some(seq) = chunk.stray.filter(|seq| *seq <= self.reached()) {
            return Err(Broken { seq, fault: Fault::Stray });
        }
        let removed = removed_in(chunk, notary)?;
        let mut checkpoints = chunk.checkpoints.iter().peekable();
        for linked in &chunk.links {
            let is_removed = removed.contains(linked.link.seq);
            self.walk.step(&linked.link, linked.content.as_ref(), is_removed)?;
            self.removed += i64::from(linked.content.is_none());
            while let Some(checkpoint) = checkpoints.next_if(|next| next.seq <= linked.link.seq) {
                self.check(checkpoint, notary)?;
            }
            self.kept.compare(&self.walk.place(), self.proved)?;
        }
        if chunk.links.is_empty() || self.reached() >= chunk.head.seq {
            return self.finish(chunk, notary);
        }
        Ok(())
    }

    /// At the head: nothing may be missing, be stored beyond it, or have been signed beyond it.
    fn finish(&self, chunk: &Chunk, notary: &Notary) -> Result<(), Broken> {
        self.walk.finish(&chunk.head, &chunk.positions)?;
        if chunk.promised > chunk.head.seq || self.kept.goes_beyond(chunk.head.seq) {
            return Err(Broken { seq: chunk.head.seq + 1, fault: Fault::Short });
        }
        if let Some(seq) = chunk.stray {
            return Err(Broken { seq, fault: Fault::Stray });
        }
        let is_signed = |signature: &[u8]| notary.knows_head(self.walk.place(), signature);
        if chunk.head.seq > 0 && !chunk.signature.as_deref().is_some_and(is_signed) {
            return Err(Broken { seq: self.proved + 1, fault: Fault::Unsigned });
        }
        Ok(())
    }

    /// Retention may have taken links away, even while the walk was under way.
    fn follow_cut(&mut self, chunk: &Chunk, notary: &Notary) -> Result<(), Broken> {
        let Some(cut) = chunk.cut.as_ref().filter(|cut| cut.seq > self.reached()) else { return Ok(()) };
        match notary.open(&cut.signed) {
            Some(Statement::Cut { place, previous, .. }) if place.seq == cut.seq => {
                self.from = self.from.max(place.seq + 1);
                self.proved = place.seq;
                self.walk = Walk::from(&place);
                self.previous = Some(previous);
                self.kept.compare(&place, place.seq)
            }
            _ => Err(Broken { seq: cut.seq, fault: Fault::Statement }),
        }
    }

    /// A checkpoint must be signed, follow the one before, and say of this place what the walk has found.
    fn check(&mut self, checkpoint: &Checkpoint, notary: &Notary) -> Result<(), Broken> {
        let forged = Broken { seq: checkpoint.seq, fault: Fault::Statement };
        let Some(Statement::Checkpoint { place, at, previous }) = notary.open(&checkpoint.signed) else {
            return Err(forged);
        };
        if place.seq != checkpoint.seq || at != checkpoint.at {
            return Err(forged);
        }
        if place != self.walk.place() {
            return Err(Broken { seq: self.proved + 1, fault: Fault::Rewritten { checkpoint: place.seq } });
        }
        if self.previous.as_ref().is_some_and(|known| *known != previous) {
            return Err(Broken { seq: checkpoint.seq, fault: Fault::CheckpointGone });
        }
        self.previous = Some(name(&checkpoint.signed.statement));
        self.proved = checkpoint.seq;
        self.checkpoints += 1;
        Ok(())
    }
}

// === impl Verdict ===

impl Verdict {
    /// What was found, for a machine: `broken_at` and `reason` only when something does not hold.
    pub fn report(&self) -> serde_json::Value {
        let mut report = json!({
            "valid": self.broken.is_none(),
            "entries": self.entries,
            "head": hex::encode(&self.head),
            "from": self.from,
            "checkpoints": self.checkpoints,
            "compared": self.compared,
            "removed": self.removed,
            "producers": self.positions,
        });
        if let Some(broken) = &self.broken {
            report["broken_at"] = broken.seq.into();
            report["reason"] = broken.fault.to_string().into();
        }
        report
    }
}

/// The first seq beyond the head, or before the beginning, of anything that is stored there.
async fn stray(tx: &mut Tx, head: &Head, cut: Option<&Checkpoint>) -> Result<Option<i64>> {
    let begin = cut.map_or(0, |cut| cut.seq);
    match store::before(tx, begin).await? {
        Some(seq) => Ok(Some(seq)),
        None => Ok(store::beyond(tx, head.seq).await?),
    }
}

/// The entries of a chunk that retention says it took the contents of.
fn removed_in(chunk: &Chunk, notary: &Notary) -> Result<Ranges, Broken> {
    let mut removed = Ranges::default();
    for removal in &chunk.removals {
        let forged = Broken { seq: removal.first_seq, fault: Fault::Statement };
        let Some(Statement::Removal { seqs, .. }) = notary.open(&removal.signed) else { return Err(forged) };
        let Some(ranges) = Ranges::parse(&seqs) else { return Err(forged) };
        removed.extend(ranges);
    }
    Ok(removed)
}
