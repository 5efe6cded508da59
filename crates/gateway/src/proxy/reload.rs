//! Watches the files of the routes: once a second, and when the process is told by SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::state::App;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Puts new rules in force whenever the files change, until the node stops.
pub(crate) async fn watch(app: Arc<App>) {
    let mut told = signal(SignalKind::hangup()).ok();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = hangup(&mut told) => tracing::info!("told to read the routes again"),
        }
        let reader = app.clone();
        // The disk may be slow.
        let _ = tokio::task::spawn_blocking(move || crate::reload_routes(&reader)).await;
    }
}

async fn hangup(told: &mut Option<Signal>) {
    match told {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
