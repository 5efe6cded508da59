//! How far a consumer has read another service's events; kept beside the effect, in one transaction with it.

use crate::error::Result;
use crate::tx::Tx;

/// The last sequence number of the producer that has taken effect here; 0 before the first.
pub async fn position(tx: &mut Tx, producer: &str) -> Result<i64> {
    let found: Option<(i64,)> =
        tx.opt("SELECT seq FROM cursors WHERE producer = $1", crate::args![producer]).await?;
    Ok(found.map_or(0, |(seq,)| seq))
}

/// Moves the cursor on; never back.
pub async fn advance(tx: &mut Tx, producer: &str, seq: i64) -> Result<()> {
    const ADVANCE: &str = "INSERT INTO cursors (producer, seq) VALUES ($1, $2) \
                           ON CONFLICT (producer) DO UPDATE SET seq = excluded.seq WHERE cursors.seq < excluded.seq";
    tx.exec_beside(ADVANCE, crate::args![producer, seq]).await?;
    Ok(())
}
