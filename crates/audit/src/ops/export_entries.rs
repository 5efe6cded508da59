//! All entries of a list, newest first, part by part: each part is read when the one before was taken, so that an
//! export of any size needs the memory of one.

use std::sync::Arc;

use denizen_kit::cx::{Call, Cx, DEFAULT_DEADLINE};
use denizen_kit::time::Deadline;
use futures::Stream;
use futures::stream::unfold;

use super::list_entries::{Shown, record_reading, show};
use super::require_reader;
use crate::App;
use crate::error::{Error, Result};
use crate::events::Filters;
use crate::model::{Filter, Position};
use crate::store;

/// How many entries one part has.
const PART: i64 = 500;

/// An export that is under way.
struct Export {
    app: Arc<App>,
    cx: Cx,
    filter: Filter,
    next: Option<Position>,
}

/// Begins an export, as one reading. Needs `audit:read`.
pub(crate) async fn export_entries(
    app: &Arc<App>,
    cx: Cx,
    (filter, filters): (Filter, Filters),
) -> Result<impl Stream<Item = Result<Vec<Shown>>> + Send + use<>> {
    require_reader(app, &cx).await?;
    record_reading(app, &cx, &filter, &filters).await;
    let next = Some(Position::start(&filter));
    let export = Export { app: app.clone(), cx, filter, next };
    Ok(unfold(export, |mut export| async move {
        let from = export.next.take()?;
        let part = export.part(from).await;
        Some((part, export))
    }))
}

// === impl Export ===

impl Export {
    async fn part(&mut self, from: Position) -> Result<Vec<Shown>> {
        let mut tx = self.app.db.single().await?;
        let entries = store::entries(&mut tx, &self.filter, from, PART).await?;
        drop(tx);
        let is_full = i64::try_from(entries.len()).is_ok_and(|length| length == PART);
        let last = entries.last().filter(|_| is_full);
        self.next = last.map(|last| Position::of(&self.filter, last.content.at, last.seq));
        // The call's own deadline ends with its first answer; the keys of a later part are a call of their own.
        let cx = self.fresh();
        show(&self.app, &cx, entries).await.map_err(Error::from)
    }

    fn fresh(&self) -> Cx {
        let deadline = Deadline::within(DEFAULT_DEADLINE);
        let call = Call { deadline, ..Call::clone(self.cx.call()) };
        Cx::new(Arc::new(call), self.app.clock.clone())
    }
}
