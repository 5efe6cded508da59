//! Idempotency keys.

use std::sync::atomic::{AtomicUsize, Ordering};

use denizen_db::{Db, args};
use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Cx, Idempotency};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::after;
use tokio::task::JoinSet;

use crate::support::{Place, clock, cx, note, notes, soon};

#[derive(Clone, PartialEq, prost::Message)]
struct Reply {
    #[prost(int64, tag = "1")]
    id: i64,
}

fn keyed(key: &str, fingerprint: u8) -> Cx {
    cx(|call| call.idempotency = Some(Idempotency { key: key.to_owned(), fingerprint: [fingerprint; 32] }))
}

fn anonymous(key: &str, fingerprint: u8) -> Cx {
    cx(|call| {
        call.caller = Caller::service(Role::Gateway);
        call.idempotency = Some(Idempotency { key: key.to_owned(), fingerprint: [fingerprint; 32] });
    })
}

/// Adds a note, the number of which is how often this was run.
async fn add(db: &Db, cx: &Cx, runs: &AtomicUsize) -> Result<Reply, Problem> {
    db.run_once(cx, "test.Add", || async {
        let id = i64::try_from(runs.fetch_add(1, Ordering::SeqCst)).unwrap();
        let mut tx = db.write().await?;
        note(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Reply { id })
    })
    .await
}

#[tokio::test]
async fn the_same_request_gets_the_same_reply() {
    for place in Place::all().await {
        let db = place.open().await;
        let runs = AtomicUsize::new(0);
        for _ in 0..3 {
            assert_eq!(soon(add(&db, &keyed("k", 1), &runs)).await.unwrap(), Reply { id: 0 });
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        let other = soon(add(&db, &keyed("k", 2), &runs)).await;
        assert_eq!(other.unwrap_err().code, Code::IdempotencyKeyReused);
        assert_eq!(soon(add(&db, &keyed("other", 2), &runs)).await.unwrap(), Reply { id: 1 });
        assert_eq!(notes(&db).await, 2, "{}", db.engine());
    }
}

#[tokio::test]
async fn callers_do_not_share_keys() {
    for place in Place::all().await {
        let db = place.open().await;
        let runs = AtomicUsize::new(0);
        for cx in [keyed("k", 1), anonymous("k", 1), anonymous("k", 2), anonymous("k", 1)] {
            soon(add(&db, &cx, &runs)).await.unwrap();
        }
        assert_eq!(runs.load(Ordering::SeqCst), 3, "the last is a repetition");
    }
}

#[tokio::test]
async fn an_error_is_not_kept() {
    for place in Place::all().await {
        let db = place.open().await;
        let cx = keyed("k", 1);
        let failed = soon(db.run_once::<Reply, _, _>(&cx, "test.Add", || async {
            let mut tx = db.write().await?;
            note(&mut tx, 1).await?;
            tx.commit().await?;
            Err(Problem::of(Code::Conflict))
        }))
        .await;
        assert_eq!(failed.unwrap_err().code, Code::Conflict);
        assert_eq!(notes(&db).await, 0);
        assert_eq!(soon(add(&db, &keyed("k", 1), &AtomicUsize::new(7))).await.unwrap(), Reply { id: 7 });
    }
}

#[tokio::test]
async fn a_reply_that_wrote_nothing_is_kept_too() {
    for place in Place::all().await {
        let db = place.open().await;
        for (answer, kept) in [(1, 1), (2, 1)] {
            let cx = keyed("k", 1);
            let reply = db.run_once(&cx, "test.Look", || async { Ok(Reply { id: answer }) });
            assert_eq!(soon(reply).await.unwrap().id, kept);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_requests_one_takes_effect() {
    for place in Place::all().await {
        let db = place.open().await;
        for round in 0..10_i64 {
            let mut tasks = JoinSet::new();
            for task in 0..8_i64 {
                let db = db.clone();
                tasks.spawn(async move {
                    let cx = keyed(&format!("round {round}"), 1);
                    db.run_once(&cx, "test.Add", || async {
                        let mut tx = db.write().await?;
                        let id = round * 100 + task;
                        // The text is the same for all, so the losers meet "already taken" first.
                        let sql = "INSERT INTO notes (id, text) VALUES ($1, $2)";
                        tx.exec(sql, args![id, format!("round {round}")]).await?;
                        tx.commit().await?;
                        Ok(Reply { id })
                    })
                    .await
                });
            }
            let replies = soon(tasks.join_all()).await;
            let first = replies[0].as_ref().unwrap().id;
            for reply in replies {
                assert_eq!(reply.unwrap().id, first, "{}", db.engine());
            }
            assert_eq!(notes(&db).await, round + 1);
        }
    }
}

#[tokio::test]
async fn replies_are_sealed_and_go_after_a_day() {
    for place in Place::all().await {
        let db = place.open().await;
        let runs = AtomicUsize::new(0);
        soon(add(&db, &keyed("k", 1), &runs)).await.unwrap();
        let sql = "SELECT reply FROM idempotency";
        let (kept,): (Vec<u8>,) = db.single().await.unwrap().one(sql, args![]).await.unwrap();
        assert!(kept.len() > 12 + 16, "nonce and tag");
        let count = "SELECT COUNT(*) FROM idempotency";
        for (hours, left) in [(23, 1), (25, 0)] {
            let later = after(clock().now(), std::time::Duration::from_secs(hours * 3600));
            db.sweep(later).await.unwrap();
            assert_eq!(db.single().await.unwrap().one::<(i64,)>(count, args![]).await.unwrap(), (left,));
        }
    }
}
