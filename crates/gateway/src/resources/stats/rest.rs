//! Figures over REST.

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as wire;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::Statistics;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::query::Query;
use crate::state::App;

/// The operations on figures.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get_statistics))
}

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StatisticsQuery {
    /// How many days, today included: 1 to 366; 30 when it is not given.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 366)]
    days: Option<String>,
}

/// Get figures
///
/// They lag behind by a second or so. Needs `stats:read`.
#[utoipa::path(get, path = "/api/v1/admin/stats", tag = "admin", params(StatisticsQuery),
    responses((status = 200, description = "The figures", body = Statistics)))]
async fn get_statistics(
    ctx: Ctx,
    Query(query, _): Query<StatisticsQuery>,
) -> Result<axum::Json<Statistics>, Failure> {
    let message = wire::GetStatisticsRequest { days: query.days()? };
    let answer = ctx.statistics().get_statistics(message).await?.into_inner();
    Ok(axum::Json(Statistics::of(answer)))
}

// === impl StatisticsQuery ===

impl StatisticsQuery {
    /// How many days; 0 for the default.
    fn days(&self) -> Result<i32, Problem> {
        let Some(text) = &self.days else { return Ok(0) };
        let wrong =
            |problem: Problem| problem.with_field("/days", "invalid_type", "days is a number from 1 to 366");
        let days = text.parse().map_err(|_| wrong(Problem::malformed("days is a number")))?;
        if days == 0 {
            return Err(Problem::invalid("/days", "out_of_range", "days is a number from 1 to 366"));
        }
        Ok(days)
    }
}
