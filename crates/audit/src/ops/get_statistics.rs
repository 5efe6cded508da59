//! Figures about accounts, logins and messages. They are read as they were counted, so the size of the system does not
//! matter.

use std::collections::BTreeMap;
use std::time::Duration;

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::time::{Timestamp, before};

use crate::App;
use crate::error::Result;
use crate::model::{
    DEAD, DELIVERED, FAILED_LOGINS, LIVE, LOGINS, REGISTRATIONS, ROLE, SESSIONS, STATUS, day_of,
};
use crate::store;

/// The statuses that are always told.
const STATUSES: [&str; 5] = ["active", "pending", "blocked", "suspended", "deleted"];

/// Most days that can be asked for.
pub(crate) const MOST_DAYS: i32 = 366;

/// The figures.
#[derive(Debug)]
pub(crate) struct Statistics {
    /// Accounts by status.
    pub(crate) by_status: BTreeMap<String, i64>,
    /// Accounts that are there, by role.
    pub(crate) by_role: BTreeMap<String, i64>,
    /// Sessions that have not ended.
    pub(crate) active_sessions: i64,
    /// Each day, oldest first.
    pub(crate) days: Vec<Day>,
}

/// The figures of a day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Day {
    /// ISO 8601.
    pub(crate) date: String,
    /// Accounts that were opened.
    pub(crate) registrations: i64,
    /// Sessions that were started.
    pub(crate) logins: i64,
    /// Tries to log in that failed.
    pub(crate) failed_logins: i64,
    /// Messages that were handed over.
    pub(crate) delivered: i64,
    /// Messages that failed for good.
    pub(crate) dead: i64,
}

/// Reads the figures of so many days. Needs `stats:read`.
pub(crate) async fn get_statistics(app: &App, cx: &Cx, days: i32) -> Result<Statistics> {
    if !cx.may(Permission::StatsRead) {
        // Boxed: a run is a large future, and most calls never need it. It records the refusal.
        Box::pin(app.db.run(cx, || async { cx.require(Permission::StatsRead) })).await?;
    }
    let mut tx = app.db.read().await?;
    let (by_status, active_sessions) = read_present(&mut tx).await?;
    let by_role = store::figures(&mut tx, ROLE).await?.into_iter().filter(|(_, count)| *count != 0).collect();
    let days = read_days(&mut tx, cx.now(), days).await?;
    Ok(Statistics { by_status, by_role, active_sessions, days })
}

/// Accounts by status, and sessions that have not ended: a few rows, however many there are.
pub(crate) async fn read_present(tx: &mut Tx) -> Result<(BTreeMap<String, i64>, i64)> {
    let mut by_status: BTreeMap<_, _> = STATUSES.map(|status| (status.to_owned(), 0)).into();
    let counted = store::figures(tx, STATUS).await?;
    by_status.extend(counted.into_iter().filter(|(status, _)| STATUSES.contains(&status.as_str())));
    let sessions = store::figures(tx, SESSIONS).await?;
    let live = sessions.into_iter().find(|(label, _)| label == LIVE);
    Ok((by_status, live.map_or(0, |(_, count)| count)))
}

async fn read_days(tx: &mut Tx, now: Timestamp, days: i32) -> Result<Vec<Day>> {
    let days = u64::try_from(days).unwrap_or(1);
    let back = |days: u64| day_of(before(now, Duration::from_hours(24 * days)));
    let mut read: BTreeMap<String, Day> =
        (0..days).map(back).map(|day| (day.clone(), Day { date: day, ..Day::default() })).collect();
    let (first, last) = (back(days.saturating_sub(1)), day_of(now));
    for name in [REGISTRATIONS, LOGINS, FAILED_LOGINS, DELIVERED, DEAD] {
        for (label, value) in store::figures_between(tx, name, &first, &last).await? {
            if let Some(day) = read.get_mut(&label) {
                *day.figure(name) = value;
            }
        }
    }
    Ok(read.into_values().collect())
}

// === impl Day ===

impl Day {
    fn figure(&mut self, name: &str) -> &mut i64 {
        match name {
            REGISTRATIONS => &mut self.registrations,
            LOGINS => &mut self.logins,
            FAILED_LOGINS => &mut self.failed_logins,
            DELIVERED => &mut self.delivered,
            _ => &mut self.dead,
        }
    }
}
