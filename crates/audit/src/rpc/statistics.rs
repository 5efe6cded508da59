//! Figures.

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as p;
use denizen_rpc::audit::v1::statistics_server::{Statistics, StatisticsServer};
use denizen_rpc::{Reply, serve};
use tonic::Request;

use crate::App;
use crate::ops::{self, MOST_DAYS};

/// How many days are told when nothing is said.
const USUAL_DAYS: i32 = 30;

/// The service as a tower service.
pub(crate) fn server(app: &Arc<App>) -> StatisticsServer<impl Statistics> {
    StatisticsServer::new(StatisticsService(app.clone()))
}

struct StatisticsService(Arc<App>);

#[tonic::async_trait]
impl Statistics for StatisticsService {
    async fn get_statistics(
        &self,
        request: Request<p::GetStatisticsRequest>,
    ) -> Reply<p::GetStatisticsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(figures(ops::get_statistics(app, &cx, days(request.days)?).await?))
        })
        .await
    }
}

fn days(days: i32) -> Result<i32, Problem> {
    match days {
        0 => Ok(USUAL_DAYS),
        1..=MOST_DAYS => Ok(days),
        _ => {
            Err(Problem::invalid("/days", "out_of_range", format!("days is a number from 1 to {MOST_DAYS}")))
        }
    }
}

fn figures(found: ops::Statistics) -> p::GetStatisticsResponse {
    let there = found.by_status.iter().filter(|(status, _)| status.as_str() != "deleted");
    p::GetStatisticsResponse {
        users: there.map(|(_, count)| count).sum(),
        users_by_status: found.by_status.into_iter().collect(),
        users_by_role: found.by_role.into_iter().collect(),
        active_sessions: found.active_sessions,
        days: found.days.into_iter().map(day).collect(),
    }
}

fn day(day: ops::Day) -> p::Day {
    p::Day {
        day: day.date,
        registrations: day.registrations,
        logins: day.logins,
        failed_logins: day.failed_logins,
        delivered: day.delivered,
        dead: day.dead,
    }
}
