//! How far numbering and consumers are behind, as the metrics tell it.

use std::time::Duration;

use denizen_db::{Db, Event};
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, after};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Serialize;

use crate::support::{Place, clock, job};

#[derive(Serialize)]
struct Told;

impl Event for Told {
    const TYPE: &'static str = "thing.told";

    fn subject(&self) -> Option<UserId> {
        None
    }
}

async fn tell(db: &Db, count: usize) {
    let mut tx = db.write().await.unwrap();
    for _ in 0..count {
        tx.emit(&job(), Told);
    }
    tx.commit().await.unwrap();
}

/// What is told when it is measured at a time.
async fn told(db: &Db, at: Timestamp) -> Vec<String> {
    let recorder = PrometheusBuilder::new().build_recorder();
    {
        // The test has one thread, so this holds over the waits within.
        let _recording = metrics::set_default_local_recorder(&recorder);
        db.measure_lag(at).await.unwrap();
    }
    let text = recorder.handle().render();
    let mut lines: Vec<String> =
        text.lines().filter(|line| line.starts_with("denizen_events_")).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn events_without_a_number_and_consumers_that_have_not_passed_them_are_behind() {
    const SERVICE: &str = "service=\"users\"";
    let (now, later) = (clock().now(), after(clock().now(), Duration::from_secs(90)));
    let unnumbered = |age: u32| format!("denizen_events_unnumbered_age_seconds{{{SERVICE}}} {age}");
    let of = |consumer: &str, count: u32, age: u32| {
        let labels = format!("{{{SERVICE},consumer=\"{consumer}\"}}");
        [
            format!("denizen_events_behind{labels} {count}"),
            format!("denizen_events_behind_age_seconds{labels} {age}"),
        ]
    };
    for place in Place::all().await {
        let db = place.open().await;
        assert_eq!(told(&db, now).await, [unnumbered(0)], "there is nothing, nor anybody");
        db.acknowledge("audit", 0).await.unwrap();
        tell(&db, 5).await;
        let [behind, age] = of("audit", 0, 0);
        assert_eq!(told(&db, later).await, [age, behind, unnumbered(90)], "{}", db.engine());
        db.sequence().await.unwrap();
        db.acknowledge("notify", 3).await.unwrap();
        let ([audit, audit_age], [notify, notify_age]) = (of("audit", 5, 90), of("notify", 2, 90));
        let expected = [audit_age, notify_age, audit, notify, unnumbered(0)];
        assert_eq!(told(&db, later).await, expected, "{}", db.engine());
        db.acknowledge("notify", 5).await.unwrap();
        let ([audit, audit_age], [notify, notify_age]) = (of("audit", 5, 90), of("notify", 0, 0));
        let expected = [audit_age, notify_age, audit, notify, unnumbered(0)];
        assert_eq!(told(&db, later).await, expected, "{}", db.engine());
    }
}
