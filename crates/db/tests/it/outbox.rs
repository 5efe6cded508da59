//! Events: order, cursors, what is removed when.

use std::net::IpAddr;
use std::time::Duration;

use denizen_db::{Db, Event, SOURCE_PLACE, cursor};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::task::Tasks;
use denizen_kit::time::after;
use serde::Serialize;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Place, clock, cx, job, note, secrets, soon};

#[derive(Serialize)]
struct Happened {
    task: i64,
    step: i64,
}

impl Event for Happened {
    const TYPE: &'static str = "thing.happened";
    const VERSION: i64 = 3;

    fn subject(&self) -> Option<UserId> {
        Some(UserId::from_uuid(Uuid::from_u128(u128::try_from(self.task).unwrap())))
    }
}

async fn happen(db: &Db, cx: &Cx, task: i64, steps: std::ops::Range<i64>) {
    let mut tx = db.write().await.unwrap();
    for step in steps {
        tx.emit(cx, Happened { task, step });
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_event_tells_who_did_what_when() {
    for place in Place::all().await {
        let db = place.open().await;
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let cx = cx(|call| {
            call.request_id = "req-1".into();
            call.ip = Some(ip);
        });
        happen(&db, &cx, 9, 0..1).await;
        assert!(db.events_after(0, 10).await.unwrap().is_empty(), "not numbered yet");
        db.sequence().await.unwrap();
        let records = db.events_after(0, 10).await.unwrap();
        assert_eq!(records.len(), 1);
        let record = &records[0];
        assert_eq!((record.seq, record.kind.as_str(), record.version), (1, "thing.happened", 3));
        assert_eq!(record.subject.map(UserId::uuid), Some(Uuid::from_u128(9)));
        assert_eq!((record.actor.as_str(), record.request_id.as_str()), ("service:users", "req-1"));
        assert_eq!(record.at, clock().now());
        assert_eq!(record.data, r#"{"task":9,"step":0}"#);
        let source = record.source.as_ref().unwrap();
        assert_eq!(secrets().events.open_text(SOURCE_PLACE, source).unwrap(), ip.to_string());
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        tx.emit(&job(), Happened { task: 1, step: 1 });
        note(&mut tx, 1).await.unwrap();
        drop(tx);
        let mut read = db.read().await.unwrap();
        read.emit(&job(), Happened { task: 1, step: 2 });
        assert!(matches!(read.commit().await, Err(denizen_db::Error::ReadOnly)));
        db.sequence().await.unwrap();
        assert!(db.events_after(0, 10).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_are_dense_and_keep_the_order_of_each_writer() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tasks = JoinSet::new();
        for task in 0..12_i64 {
            let db = db.clone();
            tasks.spawn(async move {
                for round in 0..5 {
                    happen(&db, &job(), task, round * 3..round * 3 + 3).await;
                }
            });
        }
        // Two sequencers at once, as on two nodes.
        for _ in 0..2 {
            let db = db.clone();
            tasks.spawn(async move {
                for _ in 0..20 {
                    db.sequence().await.unwrap();
                }
            });
        }
        soon(tasks.join_all()).await;
        db.sequence().await.unwrap();

        let mut next = [0; 12];
        let mut seq = 0;
        loop {
            let page = db.events_after(seq, 50).await.unwrap();
            let Some(last) = page.last() else { break };
            let expected: Vec<i64> = (seq + 1..=last.seq).collect();
            assert_eq!(page.iter().map(|record| record.seq).collect::<Vec<_>>(), expected);
            seq = last.seq;
            for record in page {
                let data: serde_json::Value = serde_json::from_str(&record.data).unwrap();
                let task = usize::try_from(data["task"].as_i64().unwrap()).unwrap();
                assert_eq!(data["step"].as_i64().unwrap(), next[task], "{}", db.engine());
                next[task] += 1;
            }
        }
        assert_eq!(seq, 12 * 15);
    }
}

#[tokio::test]
async fn more_than_a_batch_is_numbered() {
    for place in Place::all().await {
        let db = place.open().await;
        happen(&db, &job(), 1, 0..2500).await;
        let bell = db.bell();
        db.sequence().await.unwrap();
        assert_eq!(*bell.borrow(), 2500);
        let last = db.events_after(2499, 10).await.unwrap();
        assert_eq!(last[0].data, r#"{"task":1,"step":2499}"#);
    }
}

#[tokio::test]
async fn events_go_when_all_consumers_have_passed_and_a_minute_is_over() {
    for place in Place::all().await {
        let db = place.open().await;
        happen(&db, &job(), 1, 0..3).await;
        db.sequence().await.unwrap();
        let later = after(clock().now(), Duration::from_secs(61));
        let left = async |now| {
            db.sweep(now).await.unwrap();
            db.events_after(0, 10).await.unwrap().len()
        };
        assert_eq!(left(later).await, 3, "nobody has passed");
        db.acknowledge("audit", 3).await.unwrap();
        db.acknowledge("notify", 2).await.unwrap();
        assert_eq!(left(clock().now()).await, 3, "too young");
        assert_eq!(left(later).await, 1, "notify has not passed the third");
        db.acknowledge("notify", 1).await.unwrap();
        db.acknowledge("notify", 3).await.unwrap();
        assert_eq!(left(later).await, 0);
        happen(&db, &job(), 1, 3..4).await;
        db.sequence().await.unwrap();
        assert_eq!(db.events_after(0, 10).await.unwrap()[0].seq, 4, "numbers are never used again");
    }
}

#[tokio::test]
async fn a_cursor_moves_with_its_effect_and_never_back() {
    for place in Place::all().await {
        let db = place.open().await;
        for (seq, commits, expected) in [(5, true, 5), (9, false, 5), (3, true, 5), (6, true, 6)] {
            let mut tx = db.write().await.unwrap();
            cursor::advance(&mut tx, "users", seq).await.unwrap();
            if commits {
                tx.commit().await.unwrap();
            } else {
                drop(tx);
            }
            let mut read = db.read().await.unwrap();
            assert_eq!(cursor::position(&mut read, "users").await.unwrap(), expected);
        }
        assert_eq!(cursor::position(&mut db.read().await.unwrap(), "auth").await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_rings_when_events_are_ready() {
    for place in Place::all().await {
        let db = place.open().await;
        let tasks = Tasks::new();
        db.start_jobs(&tasks, &clock());
        let mut bell = db.bell();
        happen(&db, &job(), 1, 0..2).await;
        soon(bell.wait_for(|head| *head == 2)).await.unwrap();
        assert_eq!(db.events_after(0, 10).await.unwrap().len(), 2);
        // Another node writes; only its word of it wakes us before the poll.
        let other = place.open().await;
        happen(&other, &job(), 1, 2..3).await;
        db.ring();
        soon(bell.wait_for(|head| *head == 3)).await.unwrap();
        soon(tasks.stop()).await;
    }
}
