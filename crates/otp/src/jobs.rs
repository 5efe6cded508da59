//! Clean-up: rows that can have no effect any more go, a chunk at a time.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;

use crate::App;
use crate::store;

/// How long between two clean-ups.
const EVERY: Duration = Duration::from_secs(60);

/// Starts the jobs.
pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    let app = app.clone();
    tasks.spawn_until_stopped("otp clean-up", async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(problem) = sweep(&app).await {
                tracing::warn!(%problem, "clean-up of one-time passwords failed; it goes on in a minute");
            }
        }
    });
}

/// Cleans up once.
pub(crate) async fn sweep(app: &App) -> Result<(), Problem> {
    loop {
        let cx = Cx::job(Role::Otp, &app.clock);
        let deleted = app
            .db
            .run(&cx, || async {
                let mut tx = app.db.write_relaxed("deletes rows that nothing reads any more").await?;
                let deleted = store::sweep(&mut tx, cx.now()).await?;
                tx.commit().await?;
                Ok(deleted)
            })
            .await?;
        if deleted < store::CHUNK {
            return Ok(());
        }
    }
}
