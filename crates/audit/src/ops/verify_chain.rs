//! Walks the whole chain up to its present head and says whether it holds. It reads in chunks, each a snapshot of its
//! own: a link never changes, so the walk needs no transaction around it.

use denizen_db::cursor;
use denizen_kit::cx::Cx;

use super::require_reader;
use crate::App;
use crate::chain::{Broken, Head, Walk};
use crate::error::Result;
use crate::model::PRODUCERS;
use crate::store;

/// How many links one statement reads.
const CHUNK: i64 = 500;

/// What a walk found.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// How many entries hold, from the first on.
    pub(crate) entries: i64,
    /// Hash of the head as it is stored.
    pub(crate) head: Vec<u8>,
    /// The first entry that does not hold.
    pub(crate) broken: Option<Broken>,
}

/// Where the walk must end, all of one moment.
struct End {
    head: Head,
    positions: Vec<(&'static str, i64)>,
    beyond: Option<i64>,
}

/// Walks the chain. Needs `audit:read`.
pub(crate) async fn verify_chain(app: &App, cx: &Cx) -> Result<Verdict> {
    require_reader(app, cx).await?;
    let end = end(app).await?;
    let mut walk = Walk::default();
    let broken = walk_to(app, &mut walk, &end).await?.err();
    Ok(Verdict { entries: walk.reached().seq, head: end.head.hash, broken })
}

async fn end(app: &App) -> Result<End> {
    let mut tx = app.db.read().await?;
    let head = store::head(&mut tx).await?;
    let beyond = store::beyond(&mut tx, &head).await?;
    let mut positions = Vec::with_capacity(PRODUCERS.len());
    for producer in PRODUCERS {
        positions.push((producer.as_str(), cursor::position(&mut tx, producer.as_str()).await?));
    }
    Ok(End { head, positions, beyond })
}

async fn walk_to(app: &App, walk: &mut Walk, end: &End) -> Result<Result<(), Broken>> {
    // From below 1: a link that was slipped in before the first is found too.
    let mut after = i64::MIN;
    loop {
        let mut tx = app.db.single().await?;
        let chunk = store::links(&mut tx, after, end.head.seq, CHUNK).await?;
        drop(tx);
        let Some(last) = chunk.last() else { break };
        after = last.link.seq;
        for linked in &chunk {
            if let Err(broken) = walk.step(&linked.link, linked.content.as_ref()) {
                return Ok(Err(broken));
            }
        }
        // Reads on SQLite never wait, and other calls want their turn.
        tokio::task::yield_now().await;
    }
    if let Err(broken) = walk.finish(&end.head, &end.positions) {
        return Ok(Err(broken));
    }
    Ok(end.beyond.map_or(Ok(()), |seq| Err(Broken(seq))))
}
