//! Signs how far the trail has reached: every so many entries in the transaction that appends them, and after a time
//! when something came.

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::time::elapsed;

use crate::App;
use crate::chain::place;
use crate::error::Result;
use crate::notary::{Place, Statement, name};
use crate::store;

/// Signs the head if it is due, in the transaction that holds its lock. The first one is due at once.
pub(crate) async fn checkpoint_if_due(app: &App, cx: &Cx, tx: &mut Tx, place: Place) -> Result<()> {
    let last = store::last_checkpoint(tx).await?;
    let is_due = last.as_ref().map_or(place.seq > 0, |last| {
        let (grown, age) = (place.seq - last.seq, elapsed(last.at, cx.now()));
        grown >= app.config.checkpoint_entries || (grown > 0 && age >= app.config.checkpoint_time)
    });
    if !is_due {
        return Ok(());
    }
    let seq = place.seq;
    let previous = match last {
        Some(last) => name(&last.signed.statement),
        None => previous_of_cut(app, tx).await?,
    };
    let at = cx.now();
    let signed = app.notary.sign(&Statement::Checkpoint { place, at, previous });
    Ok(store::insert_checkpoint(tx, seq, at, &signed).await?)
}

/// The last checkpoint that retention took away.
async fn previous_of_cut(app: &App, tx: &mut Tx) -> Result<String> {
    let cut = store::cut(tx).await?.and_then(|cut| app.notary.open(&cut.signed));
    Ok(match cut {
        Some(Statement::Cut { previous, .. }) => previous,
        _ => String::new(),
    })
}

/// Signs the head if that is due by time.
pub(crate) async fn checkpoint(app: &App, cx: &Cx) -> Result<()> {
    // Most looks find nothing to do, and must not write for that.
    let mut tx = app.db.read().await?;
    let head = store::head(&mut tx).await?;
    let last = store::last_checkpoint(&mut tx).await?;
    drop(tx);
    if last
        .is_some_and(|last| last.seq == head.seq || elapsed(last.at, cx.now()) < app.config.checkpoint_time)
    {
        return Ok(());
    }
    let mut tx =
        app.db.write_relaxed("the lock on the one head row puts it in a row with the appenders").await?;
    let head = store::lock_head(&mut tx).await?;
    let place = place(&head, store::positions(&mut tx).await?);
    checkpoint_if_due(app, cx, &mut tx, place).await?;
    tx.commit().await?;
    Ok(())
}
