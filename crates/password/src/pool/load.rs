//! [`Load`]: how many hashes are computed and how many callers wait for one, for the metrics.

use metrics::{Gauge, gauge};

/// How busy a pool is.
#[derive(Debug)]
pub(super) struct Load {
    waiting: Gauge,
    busy: Gauge,
}

/// Counts as one until it is dropped.
pub(super) struct One(Gauge);

// === impl Load ===

impl Load {
    /// Of a pool with so many slots.
    pub(super) fn new(slots: usize) -> Self {
        gauge!("denizen_password_pool_slots").set(u32::try_from(slots).unwrap_or(u32::MAX));
        let (waiting, busy) = (gauge!("denizen_password_pool_waiting"), gauge!("denizen_password_pool_busy"));
        Self { waiting, busy }
    }

    /// Somebody waits for a slot.
    pub(super) fn wait(&self) -> One {
        One::of(&self.waiting)
    }

    /// A slot is taken.
    pub(super) fn work(&self) -> One {
        One::of(&self.busy)
    }
}

// === impl One ===

impl One {
    fn of(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use denizen_kit::time::Deadline;
    use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
    use tokio::time::{sleep, timeout};

    use crate::hash::{Cost, Peppers, Setting};
    use crate::pool::Pool;

    /// Far more than anything here takes; only a hang reaches it.
    const HANG: Duration = Duration::from_secs(30);

    /// Waits until as many are computed and wait.
    async fn until(shown: &PrometheusHandle, busy: u32, waiting: u32) {
        let lines = [
            "denizen_password_pool_slots 1\n".to_owned(),
            format!("denizen_password_pool_busy {busy}\n"),
            format!("denizen_password_pool_waiting {waiting}\n"),
        ];
        let told = timeout(HANG, async {
            while !lines.iter().all(|line| shown.render().contains(line)) {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(told.await.is_ok(), "{lines:?} in {}", shown.render());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_computes_and_who_waits_is_told() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let shown = recorder.handle();
        let setting = Setting::Argon2id(Cost { memory_kib: 32, iterations: 1, parallelism: 1 });
        let pool = metrics::with_local_recorder(&recorder, || Pool::new(1, 3, (setting, Peppers::default())));
        let soon = || Deadline::within(HANG);
        until(&shown, 0, 0).await;

        let (release, released) = mpsc::channel::<()>();
        let (first, second) = (pool.enter().unwrap(), pool.enter().unwrap());
        let computed = tokio::spawn(async move {
            first
                .run(soon(), move |_| {
                    let _ = released.recv();
                })
                .await
        });
        until(&shown, 1, 0).await;
        let waited = tokio::spawn(async move { second.run(soon(), |_| ()).await });
        until(&shown, 1, 1).await;
        waited.abort();
        assert!(waited.await.unwrap_err().is_cancelled());
        until(&shown, 1, 0).await;
        release.send(()).unwrap();
        computed.await.unwrap().unwrap();
        until(&shown, 0, 0).await;
    }
}
