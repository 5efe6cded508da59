//! The public form of the figures.

use std::collections::BTreeMap;

use denizen_rpc::audit::v1 as wire;
use serde::Serialize;
use utoipa::ToSchema;

/// Figures about accounts, logins and messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statistics {
    users: Accounts,
    /// Sessions that have not ended.
    active_sessions: i64,
    /// All days together.
    totals: Totals,
    /// Accounts that were opened, oldest day first.
    registrations: Vec<DayCount>,
    /// Sessions that were started.
    logins: Vec<DayCount>,
    /// Tries to log in that failed.
    failed_logins: Vec<DayCount>,
    /// Messages.
    deliveries: Vec<Deliveries>,
}

/// How many accounts there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accounts {
    /// All but those deleted.
    total: i64,
    by_status: BTreeMap<String, i64>,
    /// Those deleted left out.
    by_role: BTreeMap<String, i64>,
}

/// The sums of the days.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Totals {
    registrations: i64,
    logins: i64,
    failed_logins: i64,
    delivered: i64,
    dead: i64,
}

/// The count of a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayCount {
    /// Of UTC.
    #[schema(format = Date)]
    day: String,
    count: i64,
}

/// The messages of a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deliveries {
    /// Of UTC.
    #[schema(format = Date)]
    day: String,
    /// Handed over.
    delivered: i64,
    /// Failed for good.
    dead: i64,
}

// === impl Statistics ===

impl Statistics {
    pub(crate) fn of(answer: wire::GetStatisticsResponse) -> Self {
        let days = &answer.days;
        let counts = |of: fn(&wire::Day) -> i64| -> Vec<DayCount> {
            days.iter().map(|day| DayCount { day: day.day.clone(), count: of(day) }).collect()
        };
        let sum = |of: fn(&wire::Day) -> i64| days.iter().map(of).sum();
        let deliveries = days.iter().map(|day| Deliveries {
            day: day.day.clone(),
            delivered: day.delivered,
            dead: day.dead,
        });
        Self {
            active_sessions: answer.active_sessions,
            totals: Totals {
                registrations: sum(|day| day.registrations),
                logins: sum(|day| day.logins),
                failed_logins: sum(|day| day.failed_logins),
                delivered: sum(|day| day.delivered),
                dead: sum(|day| day.dead),
            },
            registrations: counts(|day| day.registrations),
            logins: counts(|day| day.logins),
            failed_logins: counts(|day| day.failed_logins),
            deliveries: deliveries.collect(),
            users: Accounts {
                total: answer.users,
                by_status: answer.users_by_status.into_iter().collect(),
                by_role: answer.users_by_role.into_iter().collect(),
            },
        }
    }
}
