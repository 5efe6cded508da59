//! What runs beside the calls for privacy: erasures that somebody began, deleted accounts whose time is over, archives
//! that were ordered.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::task::Tasks;

use crate::App;
use crate::ops::privacy::{build_export, finish_erasures};

/// How often erasures that need work are looked for.
const ERASURES: Duration = Duration::from_secs(2);

/// How often ordered archives are looked for.
const EXPORTS: Duration = Duration::from_secs(1);

/// How often archives whose time is over are looked for.
const SWEEP: Duration = Duration::from_secs(60);

pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    tasks.spawn_until_stopped("users.erasures", go_on_with_erasures(app.clone()));
    tasks.spawn_until_stopped("users.exports", build_exports(app.clone()));
    tasks.spawn_until_stopped("users.archives", sweep_archives(app.clone()));
}

async fn go_on_with_erasures(app: Arc<App>) {
    loop {
        let more = finish_erasures::go_on(&app).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "erasures could not be finished; trying again");
            false
        });
        if !more {
            tokio::time::sleep(ERASURES).await;
        }
    }
}

async fn build_exports(app: Arc<App>) {
    loop {
        let built = build_export::build_next(&app).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "ordered archives cannot be looked for; trying again");
            false
        });
        if !built {
            tokio::time::sleep(EXPORTS).await;
        }
    }
}

async fn sweep_archives(app: Arc<App>) {
    loop {
        if let Err(error) = build_export::sweep(&app).await {
            tracing::warn!(%error, "old archives could not be removed; trying again in a minute");
        }
        tokio::time::sleep(SWEEP).await;
    }
}
