//! Walks the chain for some seconds and says whether it holds, and from where to go on when that was not all.

use std::collections::BTreeMap;
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_rpc::events::internal::v1::EventsRequest;
use futures::future::join_all;
use tokio::time::{Instant, timeout};

use super::require_reader;
use crate::App;
use crate::error::Result;
use crate::model::PRODUCERS;
use crate::verification::{Verdict, Verification};

/// How long one answer walks at most.
const LONGEST: Duration = Duration::from_secs(4);

/// How long a producer may take to say what waits in its log.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many waiting events are counted at most.
const WAITING: i32 = 500;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The whole chain, not only its end.
    pub(crate) full: bool,
    /// Where to go on; empty for a new walk.
    pub(crate) cursor: String,
}

/// How far a producer's log is taken in.
#[derive(Debug)]
pub(crate) struct Lag {
    /// Whose log.
    pub(crate) producer: Role,
    /// Place of the last event that is in the trail.
    pub(crate) position: i64,
    /// How many wait, if the producer says it.
    pub(crate) waiting: Option<i64>,
}

/// How one answer's walk ended.
#[derive(Debug)]
pub(crate) enum Walked {
    /// At the head, or where the chain does not hold.
    Through(Verdict, Vec<Lag>),
    /// In the middle: how far it holds, and where to go on.
    Partly(i64, String),
}

/// Walks the chain. Needs `audit:read`.
pub(crate) async fn verify_chain(app: &App, cx: &Cx, asked: &Asked) -> Result<Walked> {
    require_reader(app, cx).await?;
    let until = Instant::now() + LONGEST.min(cx.call().deadline.remaining() / 2);
    let mut walk = if !asked.cursor.is_empty() {
        Verification::resume(&app.notary, &asked.cursor)?
    } else if asked.full {
        Verification::full()
    } else {
        Verification::late(&app.db, &app.notary, app.config.verify_entries).await?
    };
    loop {
        if let Some(verdict) = walk.advance(&app.db, &app.notary).await? {
            let lags = lags(app, cx, &verdict.positions).await;
            return Ok(Walked::Through(verdict, lags));
        }
        if Instant::now() >= until {
            return Ok(Walked::Partly(walk.reached(), walk.cursor(&app.notary)));
        }
        // Reads on SQLite never wait, and other calls want their turn.
        tokio::task::yield_now().await;
    }
}

async fn lags(app: &App, cx: &Cx, positions: &BTreeMap<String, i64>) -> Vec<Lag> {
    let lag = |producer: Role| async move {
        let position = positions.get(producer.as_str()).copied().unwrap_or(0);
        let request = EventsRequest { producer: producer.to_string(), after_seq: position, limit: WAITING };
        let mut log = app.links.event_log(producer, cx);
        let answer = timeout(PATIENCE, log.events(request)).await;
        let events = answer.ok().and_then(Result::ok).map(|answer| answer.into_inner().events.len());
        Lag { producer, position, waiting: events.and_then(|count| count.try_into().ok()) }
    };
    join_all(PRODUCERS.map(lag)).await
}
