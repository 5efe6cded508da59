//! Group commit on SQLite.

use std::time::Duration;

use denizen_db::{Db, Error, args};
use futures::future::join_all;
use tokio::task::JoinSet;

use crate::support::{job, note, notes, soon, sqlite};

async fn add(db: &Db, id: i64) -> denizen_db::Result<()> {
    let mut tx = db.write().await?;
    note(&mut tx, id).await?;
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_writes_share_commits() {
    let (place, db) = sqlite().await;
    let before = db.commits();
    let mut tasks = JoinSet::new();
    for id in 0..64 {
        let db = db.clone();
        tasks.spawn(async move {
            for round in 0..4 {
                add(&db, id * 4 + round).await.unwrap();
            }
        });
    }
    soon(tasks.join_all()).await;
    let commits = db.commits() - before;
    assert!(commits < 256, "{commits} commits for 256 writes");
    // What was acknowledged is in the file, as another connection sees it.
    let other = place.open().await;
    assert_eq!(notes(&other).await, 256);
}

/// A group closes after 2 ms, which a busy machine may take for one operation: what needs a shared group is tried
/// again until there was one.
const TRIES: i64 = 100;

#[tokio::test]
async fn what_asks_before_the_closer_joins_the_group() {
    let (_place, db) = sqlite().await;
    for attempt in 0..TRIES {
        let before = db.commits();
        // Polled in one go on one thread: all have asked before the closer gets its turn.
        let done = soon(join_all((0..10).map(|id| add(&db, attempt * 10 + id)))).await;
        assert!(done.iter().all(Result::is_ok));
        if db.commits() - before == 1 {
            return;
        }
    }
    panic!("no group was ever shared by all");
}

#[tokio::test]
async fn a_rollback_takes_only_its_own() {
    let (_place, db) = sqlite().await;
    let given_up = async {
        let mut tx = db.write().await.unwrap();
        note(&mut tx, 2).await.unwrap();
        drop(tx);
    };
    let (first, (), third) = soon(async { tokio::join!(biased; add(&db, 1), given_up, add(&db, 3)) }).await;
    first.unwrap();
    third.unwrap();
    let ids: Vec<(i64,)> =
        db.single().await.unwrap().all("SELECT id FROM notes ORDER BY id", args![]).await.unwrap();
    assert_eq!(ids, [(1,), (3,)]);
}

#[tokio::test]
async fn an_opener_that_rolls_back_leaves_nothing_open() {
    let (place, db) = sqlite().await;
    for _ in 0..3 {
        let mut tx = db.write().await.unwrap();
        note(&mut tx, 1).await.unwrap();
        drop(tx);
    }
    // Another process could write now: no lock is left.
    let other = place.open().await;
    soon(add(&other, 1)).await.unwrap();
    soon(add(&db, 2)).await.unwrap();
    assert_eq!(notes(&db).await, 2);
}

/// Gives the scheduler so many turns, then ends.
async fn turns(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn futures_dropped_anywhere_lose_nothing_that_was_acknowledged() {
    let (_place, db) = sqlite().await;
    let mut tasks = JoinSet::new();
    for task in 0..16_i64 {
        let db = db.clone();
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 0..60_i64 {
                let id = task * 1000 + round;
                // From "dropped before the first poll" to "as long as it takes".
                let patience = u32::try_from((task + round) % 15).unwrap();
                tokio::select! {
                    biased;
                    () = turns(patience), if patience < 14 => {}
                    outcome = add(&db, id) => {
                        outcome.unwrap();
                        acknowledged.push(id);
                    }
                }
            }
            acknowledged
        });
    }
    let acknowledged: Vec<i64> = soon(tasks.join_all()).await.into_iter().flatten().collect();
    assert!(acknowledged.len() >= 16 * 4);
    soon(add(&db, 1_000_000)).await.unwrap();
    for id in acknowledged {
        let sql = "SELECT id FROM notes WHERE id = $1";
        assert_eq!(db.single().await.unwrap().opt::<(i64,)>(sql, args![id]).await.unwrap(), Some((id,)));
    }
}

async fn add_orphan(db: &Db, id: i64) -> denizen_db::Result<()> {
    let mut tx = db.write().await?;
    // Checked at COMMIT only, so the whole group fails there.
    tx.exec("INSERT INTO late_replies (id, note_id) VALUES ($1, $2)", args![id, 999]).await?;
    tx.commit().await
}

#[tokio::test]
async fn when_the_commit_fails_all_of_the_group_fail_and_the_next_works() {
    let (_place, db) = sqlite().await;
    let (mut kept, mut failed) = (0, 0);
    for id in 0..TRIES {
        let (first, orphan) = soon(async { tokio::join!(biased; add(&db, id), add_orphan(&db, id)) }).await;
        assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
        match first {
            Ok(()) => kept += 1,
            Err(Error::Unavailable(_)) => failed += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!(notes(&db).await, kept, "what was acknowledged, and nothing else");
    }
    assert!(failed > 0, "no group was ever shared");
    soon(add(&db, TRIES)).await.unwrap();
    assert_eq!(notes(&db).await, kept + 1);
}

#[tokio::test]
async fn an_answer_waits_for_what_it_has_seen() {
    let (_place, db) = sqlite().await;
    let cx = job();
    let mut shared = 0;
    for id in 0..TRIES {
        // Sees a row that never becomes durable, and returns early without a commit.
        let look = db.run(&cx, || async {
            let mut tx = db.write().await?;
            let (seen,): (i64,) = tx.one("SELECT COUNT(*) FROM late_replies", args![]).await?;
            Ok(seen)
        });
        let (orphan, seen) = soon(async { tokio::join!(biased; add_orphan(&db, id), look) }).await;
        assert!(orphan.is_err());
        match seen {
            Ok(seen) => assert_eq!(seen, 0, "the answer tells what was never true"),
            Err(problem) => {
                assert_eq!(problem.code, denizen_kit::problem::Code::Unavailable);
                shared += 1;
            }
        }
    }
    assert!(shared > 0, "no group was ever shared");
}

#[tokio::test]
async fn a_full_disk_is_told_and_heals() {
    let (_place, db) = sqlite().await;
    let mut tx = db.write().await.unwrap();
    // SQLite takes it as the present size: the file may not grow.
    tx.one::<(i64,)>("PRAGMA max_page_count = 1", args![]).await.unwrap();
    drop(tx);
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO notes (id, text) VALUES ($1, $2)";
    let outcome = tx.exec(sql, args![1, "x".repeat(1_000_000)]).await;
    assert!(matches!(outcome, Err(Error::Full(_))), "{outcome:?}");
    drop(tx);
    let mut tx = db.write().await.unwrap();
    tx.one::<(i64,)>("PRAGMA max_page_count = 1000000", args![]).await.unwrap();
    drop(tx);
    soon(add(&db, 1)).await.unwrap();
    assert_eq!(notes(&db).await, 1);
}

#[tokio::test]
async fn a_group_lost_to_a_full_disk_is_not_acknowledged() {
    let (_place, db) = sqlite().await;
    let mut tx = db.write().await.unwrap();
    tx.one::<(i64,)>("PRAGMA max_page_count = 1", args![]).await.unwrap();
    drop(tx);
    let too_much = async {
        let mut tx = db.write().await?;
        let sql = "INSERT INTO notes (id, text) VALUES ($1, $2)";
        tx.exec(sql, args![2, "x".repeat(1_000_000)]).await?;
        tx.commit().await
    };
    let (small, large) = soon(async { tokio::join!(biased; add(&db, 1), too_much) }).await;
    assert!(matches!(large, Err(Error::Full(_))), "{large:?}");
    // Whether SQLite gave up the whole or only the statement, the answer must be what the file says.
    assert_eq!(notes(&db).await, i64::from(small.is_ok()));
}

#[tokio::test]
async fn deleted_text_is_gone_from_the_log_after_a_checkpoint() {
    let (place, db) = sqlite().await;
    let mut tx = db.write().await.unwrap();
    tx.exec("INSERT INTO notes (id, text) VALUES ($1, $2)", args![1, "find-me-if-you-can"]).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    tx.exec("DELETE FROM notes WHERE id = $1", args![1]).await.unwrap();
    tx.commit().await.unwrap();
    db.checkpoint().await.unwrap();
    for file in std::fs::read_dir(&place.config.data_dir).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"find-me"));
    }
}

#[tokio::test]
async fn readers_wait_while_all_are_busy() {
    let (_place, db) = sqlite().await;
    let cores = std::thread::available_parallelism().unwrap().get();
    let mut held = Vec::new();
    for _ in 0..cores * 2 {
        held.push(db.read().await.unwrap());
    }
    let waiting = tokio::spawn({
        let db = db.clone();
        async move { notes(&db).await }
    });
    tokio::time::timeout(Duration::from_millis(20), db.read()).await.expect_err("all are busy");
    held.pop();
    assert_eq!(soon(waiting).await.unwrap(), 0);
}
