//! What only PostgreSQL can get wrong: connections that leak, break or fall silent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use denizen_db::{Db, Error, args};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Deadline;
use tokio::task::JoinSet;

use crate::support::{Place, cx, job, note, notes, soon};

async fn one_connection() -> Option<(Place, Db)> {
    let mut place = Place::postgres().await?;
    place.config.pool = 1;
    let db = place.open().await;
    Some((place, db))
}

/// Ends all other sessions of the database, as a restart of the server does.
async fn end_sessions(db: &Db) {
    let sql = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut tx = db.write_relaxed("a test").await.unwrap();
    tx.one::<(i64,)>(sql, args![]).await.unwrap();
}

#[tokio::test]
async fn a_dropped_transaction_gives_its_connection_back_clean() {
    let Some((_place, db)) = one_connection().await else { return };
    for round in 0..20 {
        let mut tx = db.write().await.unwrap();
        if round % 2 == 0 {
            note(&mut tx, 1).await.unwrap();
        }
        drop(tx);
        let mut tx = db.read().await.unwrap();
        // Were the last transaction still open, this would see its row.
        assert_eq!(tx.one::<(i64,)>("SELECT COUNT(*) FROM notes", args![]).await.unwrap(), (0,));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn futures_dropped_anywhere_leak_no_connection() {
    let Some(mut place) = Place::postgres().await else { return };
    place.config.pool = 3;
    let db = place.open().await;
    let mut tasks = JoinSet::new();
    for task in 0..8_u64 {
        let db = db.clone();
        tasks.spawn(async move {
            for round in 0..25_u64 {
                let write = async {
                    let mut tx = db.write_relaxed("a test").await?;
                    note(&mut tx, i64::try_from(task * 100 + round).unwrap()).await?;
                    tx.commit().await
                };
                let patience = Duration::from_micros((task * 37 + round * 91) % 1500);
                let _ = tokio::time::timeout(patience, write).await;
            }
        });
    }
    soon(tasks.join_all()).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut tx = soon(db.read()).await.unwrap();
        let (open,): (String,) =
            tx.one("SELECT current_setting('transaction_isolation')", args![]).await.unwrap();
        assert_eq!(open, "repeatable read", "the connection had no transaction of another");
        held.push(tx);
    }
}

#[tokio::test]
async fn broken_connections_are_replaced() {
    let Some(place) = Place::postgres().await else { return };
    let (db, killer) = (place.open().await, place.open().await);
    let cx = job();
    for id in 0..3 {
        notes(&db).await;
        end_sessions(&killer).await;
        // A single read opens its connection again; an operation is run again.
        assert_eq!(notes(&db).await, id);
        let added: Result<(), Problem> = soon(db.run(&cx, || async {
            let mut tx = db.write().await?;
            note(&mut tx, id).await?;
            tx.commit().await?;
            Ok(())
        }))
        .await;
        added.unwrap();
    }
}

#[tokio::test]
async fn a_connection_broken_within_an_operation_runs_it_again() {
    let Some(place) = Place::postgres().await else { return };
    let (db, killer) = (place.open().await, place.open().await);
    let cx = job();
    let tries = AtomicUsize::new(0);
    let added = db.run(&cx, || async {
        let mut tx = db.write().await?;
        note(&mut tx, 1).await?;
        if tries.fetch_add(1, Ordering::SeqCst) == 0 {
            // In a task of its own: within the operation a second write would be refused.
            let killer = killer.clone();
            soon(tokio::spawn(async move { end_sessions(&killer).await })).await.unwrap();
        }
        tx.one::<(i64,)>("SELECT COUNT(*) FROM notes", args![]).await?;
        tx.commit().await?;
        Ok(())
    });
    soon(added).await.unwrap();
    assert_eq!(notes(&db).await, 1);
}

#[tokio::test]
async fn reruns_end_with_the_deadline() {
    let Some(place) = Place::postgres().await else { return };
    let db = place.open().await;
    let cx = cx(|call| call.deadline = Deadline::within(Duration::from_millis(300)));
    let tries = AtomicUsize::new(0);
    let outcome: Result<(), Problem> = soon(db.run(&cx, || async {
        tries.fetch_add(1, Ordering::SeqCst);
        let mut tx = db.write().await?;
        tx.exec("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", args![]).await?;
        tx.commit().await?;
        Ok(())
    }))
    .await;
    let problem = outcome.unwrap_err();
    assert_eq!(problem.code, Code::Unavailable);
    assert!(problem.retry_after.is_some());
    assert!(tries.load(Ordering::SeqCst) > 2, "it was run again");
}

#[tokio::test]
async fn a_plan_from_before_a_migration_is_made_anew() {
    let Some(place) = Place::postgres().await else { return };
    let (db, migrator) = (place.open().await, place.open().await);
    for kind in ["BIGINT", "INTEGER"] {
        for _ in 0..4 {
            let sql = "SELECT pair FROM notes WHERE id = $1";
            let found = db.single().await.unwrap().opt::<(Option<i64>,)>(sql, args![1]).await;
            found.unwrap_or_else(|error| panic!("{kind}: {error}"));
        }
        let mut tx = migrator.write_relaxed("a test").await.unwrap();
        tx.exec("ALTER TABLE notes ALTER COLUMN pair TYPE INTEGER", args![]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn single_reads_share_connections() {
    let Some((_place, db)) = one_connection().await else { return };
    let _held = db.read().await.unwrap();
    // The pool is empty, yet single reads go on, many at once.
    let reads = (0..100).map(|_| notes(&db));
    let counts = soon(futures::future::join_all(reads)).await;
    assert!(counts.iter().all(|count| *count == 0));
}

#[tokio::test]
async fn nobody_waits_forever_for_a_connection() {
    let Some((_place, db)) = one_connection().await else { return };
    let _held = db.read().await.unwrap();
    let start = std::time::Instant::now();
    let refused = soon(db.write()).await.map(drop);
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn an_address_that_answers_nothing_is_told_without_its_password() {
    let mut place = Place::sqlite();
    place.config.url = Some("postgres://ada:hush-hush@127.0.0.1:1/none".to_owned());
    let refused = soon(place.connect(&[])).await;
    let Err(error) = refused else { panic!("nobody listens there") };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
}
