//! Figures.

use denizen_db::{Result, Tx, args};

use crate::model::Tally;

const CHANGE: &str = "INSERT INTO counters (name, label, value) VALUES ($1, $2, $3) \
     ON CONFLICT (name, label) DO UPDATE SET value = counters.value + excluded.value";
const ALL: &str = "SELECT label, value FROM counters WHERE name = $1 ORDER BY label";
const RANGE: &str =
    "SELECT label, value FROM counters WHERE name = $1 AND label >= $2 AND label <= $3 ORDER BY label";

/// Moves the figures.
pub(crate) async fn count(tx: &mut Tx, tally: &Tally) -> Result<()> {
    for (name, label, change) in tally.changes() {
        tx.exec(CHANGE, args![name, label, change]).await?;
    }
    Ok(())
}

/// All labels of a figure with their values.
pub(crate) async fn figures(tx: &mut Tx, name: &str) -> Result<Vec<(String, i64)>> {
    tx.all(ALL, args![name]).await
}

/// The labels of a figure from one to another with their values.
pub(crate) async fn figures_between(
    tx: &mut Tx,
    name: &str,
    first: &str,
    last: &str,
) -> Result<Vec<(String, i64)>> {
    tx.all(RANGE, args![name, first, last]).await
}
