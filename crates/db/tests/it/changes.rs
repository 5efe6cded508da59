//! Copies of rows and the changes that make them void, on SQLite.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use denizen_db::{Db, args};
use denizen_kit::id::UserId;
use uuid::Uuid;

use crate::support::{Place, note, soon, sqlite};

const INSERT: &str = "INSERT INTO things (id, amount) VALUES ($1, 0)";
const RAISE: &str = "UPDATE things SET amount = amount + 1 WHERE id = $1";
const AMOUNT: &str = "SELECT amount FROM things WHERE id = $1";

const FIRST: UserId = UserId::from_uuid(Uuid::from_u128(1));
const SECOND: UserId = UserId::from_uuid(Uuid::from_u128(2));

async fn raise(db: &Db, id: UserId) {
    let mut tx = db.write().await.unwrap();
    tx.exec_of(id, RAISE, args![id]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn amount(db: &Db, id: UserId) -> i64 {
    let mut tx = db.single().await.unwrap();
    tx.one::<(i64,)>(AMOUNT, args![id]).await.unwrap().0
}

#[tokio::test]
async fn a_commit_voids_what_it_touches_and_a_rollback_nothing() {
    let (_place, db) = sqlite().await;
    let changes = db.changes().unwrap();
    let stamps = || [FIRST, SECOND].map(|id| changes.stamp(id.uuid()).unwrap());
    let holds = |[first, second]: [_; 2]| {
        (changes.still_holds(FIRST.uuid(), first), changes.still_holds(SECOND.uuid(), second))
    };

    let before = stamps();
    raise(&db, FIRST).await;
    assert_eq!(holds(before), (false, true));

    let before = stamps();
    let mut tx = db.write().await.unwrap();
    tx.exec(RAISE, args![SECOND]).await.unwrap();
    drop(tx);
    assert_eq!(holds(before), (true, true), "rolled back");

    let mut tx = db.write().await.unwrap();
    tx.exec_of(SECOND, RAISE, args![SECOND]).await.unwrap();
    note(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        holds(before),
        (false, false),
        "a statement that does not say what it changes may change anything"
    );

    let before = stamps();
    let mut tx = db.write().await.unwrap();
    tx.opt::<(i64,)>(AMOUNT, args![FIRST]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(holds(before), (true, true), "it has only read");

    let mut tx = db.write().await.unwrap();
    let raised = "UPDATE things SET amount = amount + 1 WHERE id = $1 RETURNING amount";
    tx.opt::<(i64,)>(raised, args![FIRST]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(holds(before), (false, false), "it has written and read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_whose_stamp_holds_is_what_would_be_read_now() {
    let (_place, db) = sqlite().await;
    let changes = db.changes().unwrap();
    let mut tx = db.write().await.unwrap();
    tx.exec(INSERT, args![FIRST]).await.unwrap();
    tx.commit().await.unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let reader = |db: Db, done: Arc<AtomicBool>| {
        let changes = changes.clone();
        async move {
            let mut compared = 0;
            while !done.load(Ordering::Relaxed) || compared == 0 {
                let Some(stamp) = changes.stamp(FIRST.uuid()) else { continue };
                let copy = amount(&db, FIRST).await;
                let now = amount(&db, FIRST).await;
                // It held after the second read, so nothing had changed between the two.
                if changes.still_holds(FIRST.uuid(), stamp) {
                    assert_eq!(copy, now);
                    compared += 1;
                }
                tokio::task::yield_now().await;
            }
        }
    };
    let readers: Vec<_> = (0..3).map(|_| tokio::spawn(reader(db.clone(), done.clone()))).collect();
    for written in 1..=200 {
        raise(&db, FIRST).await;
        // Who was told that it is done sees it, by a copy too.
        let stamp = changes.stamp(FIRST.uuid()).unwrap();
        assert_eq!(amount(&db, FIRST).await, written);
        assert!(changes.still_holds(FIRST.uuid(), stamp));
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        soon(reader).await.unwrap();
    }
}

#[tokio::test]
async fn on_postgres_nobody_knows_what_others_write() {
    let Some(place) = Place::postgres().await else { return };
    assert!(place.open().await.changes().is_none());
}
