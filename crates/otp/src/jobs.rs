//! What runs beside the calls: rows that can have no effect any more go, a chunk at a time, and with an erased person
//! all of theirs.

use std::sync::Arc;
use std::time::Duration;

use denizen_db::cursor;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_rpc::Follower;

use crate::App;
use crate::error::Result;
use crate::ops::{self, PRODUCER};
use crate::store;

/// How long between two clean-ups.
const EVERY: Duration = Duration::from_secs(60);

/// First pause after a failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Starts the jobs.
pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    let following = app.clone();
    let app = app.clone();
    tasks.spawn_until_stopped("otp clean-up", async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(problem) = sweep(&app).await {
                tracing::warn!(%problem, "clean-up of one-time passwords failed; it goes on in a minute");
            }
        }
    });
    tasks.spawn_until_stopped("otp follows users", async move { follow(&following).await });
}

/// Follows the events of users for ever.
async fn follow(app: &App) {
    let mut follower = Follower::new(app.links.clone(), Role::Otp, PRODUCER, app.clock.clone());
    let mut pause = SHORTEST_PAUSE;
    loop {
        let Err(error) = follow_once(app, &mut follower).await else {
            pause = SHORTEST_PAUSE;
            continue;
        };
        let problem = Problem::from(error);
        tracing::warn!(%problem, "the events of users cannot be taken now; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn follow_once(app: &App, follower: &mut Follower) -> Result<()> {
    let position = cursor::position(&mut app.db.single().await?, PRODUCER.as_str()).await?;
    let events = follower.next(position).await?;
    let Some(last) = events.last() else { return Ok(()) };
    ops::take_events(app, &Cx::job(Role::Otp, &app.clock), &events).await?;
    follower.acknowledge(last.seq).await?;
    Ok(())
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
