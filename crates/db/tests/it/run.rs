//! Running operations: parking, nesting, holding too long, reruns, refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use denizen_db::{Db, Error, args};
use denizen_kit::problem::{Code, Problem};
use tokio::sync::Barrier;

use crate::support::{Place, job, note, notes, soon, sqlite};

#[tokio::test]
async fn a_commit_takes_effect_when_the_operation_ends_well() {
    for place in Place::all().await {
        let db = place.open().await;
        let cx = job();
        let good = db.run(&cx, || async {
            let mut tx = db.write().await?;
            note(&mut tx, 1).await?;
            tx.commit().await?;
            assert!(denizen_kit::task::write_is_open(), "no peer may be called before the outcome is known");
            Ok(1)
        });
        assert_eq!(soon(good).await.unwrap(), 1);
        let bad: Result<(), Problem> = soon(db.run(&cx, || async {
            let mut tx = db.write().await?;
            note(&mut tx, 2).await?;
            tx.commit().await?;
            Err(Problem::of(Code::Conflict))
        }))
        .await;
        assert_eq!(bad.unwrap_err().code, Code::Conflict);
        assert_eq!(notes(&db).await, 1, "{}", db.engine());
    }
}

#[tokio::test]
async fn later_transactions_of_an_operation_see_the_earlier() {
    for place in Place::all().await {
        let db = place.open().await;
        let cx = job();
        let seen = db.run(&cx, || async {
            let mut tx = db.write().await?;
            note(&mut tx, 1).await?;
            tx.commit().await?;
            let (after_one,): (i64,) = db.single().await?.one("SELECT COUNT(*) FROM notes", args![]).await?;
            let mut tx = db.write().await?;
            note(&mut tx, 2).await?;
            tx.commit().await?;
            let mut read = db.read().await?;
            let (after_two,): (i64,) = read.one("SELECT COUNT(*) FROM notes", args![]).await?;
            Ok((after_one, after_two))
        });
        assert_eq!(soon(seen).await.unwrap(), (1, 2));
    }
}

#[tokio::test]
async fn a_second_transaction_beside_an_open_write_is_refused() {
    for place in Place::all().await {
        let db = place.open().await;
        let cx = job();
        let refused = db.run(&cx, || async {
            let mut tx = db.write().await?;
            assert!(matches!(db.write().await.map(drop), Err(Error::Nested)));
            assert!(matches!(db.read().await.map(drop), Err(Error::Nested)));
            assert!(matches!(db.single().await.map(drop), Err(Error::Nested)));
            let inner: Result<(), Problem> = db.run(&cx, || async { Ok(()) }).await;
            assert_eq!(inner.unwrap_err().code, Code::Internal);
            note(&mut tx, 1).await?;
            drop(tx);
            // Dropped, it is open no longer.
            assert!(!denizen_kit::task::write_is_open());
            let mut tx = db.write().await?;
            note(&mut tx, 2).await?;
            tx.commit().await?;
            Ok(())
        });
        soon(refused).await.unwrap();
        assert_eq!(notes(&db).await, 1);
    }
}

#[tokio::test]
async fn a_write_held_too_long_is_rolled_back() {
    let (_place, db) = sqlite().await;
    let cx = job();
    let start = Instant::now();
    let stuck: Result<(), Problem> = soon(db.run(&cx, || async {
        let mut tx = db.write().await?;
        note(&mut tx, 1).await?;
        std::future::pending().await
    }))
    .await;
    assert_eq!(stuck.unwrap_err().code, Code::Unavailable);
    assert!(start.elapsed() >= Duration::from_secs(1));
    // Parked and then slow is no better.
    let parked: Result<(), Problem> = soon(db.run(&cx, || async {
        let mut tx = db.write().await?;
        note(&mut tx, 2).await?;
        tx.commit().await?;
        std::future::pending().await
    }))
    .await;
    assert_eq!(parked.unwrap_err().code, Code::Unavailable);
    assert_eq!(notes(&db).await, 0);
}

#[tokio::test]
async fn a_run_that_is_dropped_lets_the_writer_go() {
    let (_place, db) = sqlite().await;
    let cx = job();
    {
        let run = db.run::<(), _, _>(&cx, || async {
            let mut tx = db.write().await?;
            note(&mut tx, 1).await?;
            tx.commit().await?;
            std::future::pending().await
        });
        let mut run = std::pin::pin!(run);
        assert!(futures::poll!(run.as_mut()).is_pending());
    }
    let next = db.run(&cx, || async {
        let mut tx = db.write().await?;
        note(&mut tx, 2).await?;
        tx.commit().await?;
        Ok(())
    });
    tokio::time::timeout(Duration::from_millis(900), next).await.expect("the writer is free").unwrap();
    assert_eq!(notes(&db).await, 1);
}

#[tokio::test]
async fn a_refusal_is_told() {
    for place in Place::all().await {
        let db = place.open().await;
        let cx = job();
        let refused: Result<(), Problem> =
            soon(db.run(&cx, || async { Err(Problem::of(Code::StepUpRequired)) })).await;
        assert_eq!(refused.unwrap_err().code, Code::StepUpRequired);
        db.sequence().await.unwrap();
        let events = db.events_after(0, 10).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, "access.refused");
        assert_eq!(events[0].data, r#"{"code":"step_up_required"}"#);
    }
}

#[tokio::test]
async fn an_error_of_the_operation_itself_is_not_a_reason_to_run_again() {
    let (_place, db) = sqlite().await;
    let cx = job();
    let tries = AtomicUsize::new(0);
    let outcome: Result<(), Problem> = soon(db.run(&cx, || async {
        tries.fetch_add(1, Ordering::SeqCst);
        Err(Problem::unavailable("a peer cannot be reached"))
    }))
    .await;
    assert_eq!(outcome.unwrap_err().code, Code::Unavailable);
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

/// Goes off duty if somebody else stays on.
async fn leave(
    db: &Db,
    me: i64,
    meet: &Barrier,
    tries: &AtomicUsize,
    drawn: uuid::Uuid,
) -> Result<bool, Problem> {
    let mut tx = db.write().await?;
    let sql = "SELECT CAST(SUM(pair) AS BIGINT) FROM notes WHERE id IN (1, 2)";
    let (on_duty,): (i64,) = tx.one(sql, args![]).await?;
    if tries.fetch_add(1, Ordering::SeqCst) < 2 {
        meet.wait().await;
    }
    if on_duty < 2 {
        return Ok(false);
    }
    let sql = "UPDATE notes SET pair = 0, text = $2 WHERE id = $1";
    tx.exec(sql, args![me, drawn.to_string()]).await?;
    tx.commit().await?;
    Ok(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_skew_is_run_again() {
    let Some(place) = Place::postgres().await else { return };
    let db = place.open().await;
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO notes (id, text, pair) VALUES (1, 'a', 1), (2, 'b', 1)";
    tx.exec(sql, args![]).await.unwrap();
    tx.commit().await.unwrap();

    let meet = Arc::new(Barrier::new(2));
    let tries = Arc::new(AtomicUsize::new(0));
    let left = [1, 2].map(|me| {
        let (db, meet, tries) = (db.clone(), meet.clone(), tries.clone());
        tokio::spawn(async move {
            let cx = job();
            let first = job_draw(&cx);
            db.run(&cx, || async {
                let drawn = cx.uuid();
                assert_eq!(drawn, first, "a rerun draws the same");
                leave(&db, me, &meet, &tries, drawn).await
            })
            .await
        })
    });
    let mut outcomes = Vec::new();
    for task in left {
        outcomes.push(soon(task).await.unwrap().unwrap());
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [false, true], "one may leave, not both");
    assert!(tries.load(Ordering::SeqCst) >= 3, "one was run again");
}

fn job_draw(cx: &denizen_kit::cx::Cx) -> uuid::Uuid {
    let first = cx.uuid();
    cx.rewind();
    first
}

#[tokio::test]
async fn operations_can_be_spawned() {
    let (_place, db) = sqlite().await;
    let task = tokio::spawn(async move {
        let cx = job();
        db.run(&cx, || async {
            let mut tx = db.write().await?;
            note(&mut tx, 1).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    });
    soon(task).await.unwrap().unwrap();
}
