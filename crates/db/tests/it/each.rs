//! One statement for many lists of arguments.

use denizen_db::{Args, Error, args};

use crate::support::{Place, notes};

const INSERT: &str = "INSERT INTO notes (id, text) VALUES ($2, $1) ON CONFLICT DO NOTHING";
const TEXT: &str = "SELECT text FROM notes WHERE id = $1";

/// Notes of these ids; `text` is said twice where two ids have the same remainder by 1,000.
fn lists(ids: std::ops::Range<i64>) -> Vec<Args> {
    ids.map(|id| args![format!("note {}", id % 1000), id]).collect()
}

#[tokio::test]
async fn each_list_says_what_it_changed() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        let changed = tx.exec_each(INSERT, &lists(0..250)).await.unwrap();
        assert_eq!(changed, vec![1; 250], "the first statement of a transaction, {}", db.engine());
        let changed = tx.exec_each(INSERT, &lists(950..1050)).await.unwrap();
        let expected: Vec<u64> = (950..1050).map(|id| u64::from(id < 1000)).collect();
        assert_eq!(changed, expected, "each for itself");
        assert!(tx.exec_each(INSERT, &[]).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        assert_eq!(notes(&db).await, 300);

        let mut tx = db.read().await.unwrap();
        let wanted: Vec<Args> = (200..320).map(|id| args![id]).collect();
        let texts: Vec<Option<(String,)>> = tx.opt_each(TEXT, &wanted).await.unwrap();
        for (id, text) in (200..320).zip(texts) {
            assert_eq!(text.map(|(text,)| text), (id < 250).then(|| format!("note {id}")), "{id}");
        }
    }
}

#[tokio::test]
async fn a_list_that_fails_fails_all() {
    const SURE: &str = "INSERT INTO notes (id, text) VALUES ($2, $1)";
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        let failed = tx.exec_each(SURE, &[lists(0..7), lists(3..4), lists(8..9)].concat()).await;
        assert!(matches!(&failed, Err(Error::Duplicate(_))), "{failed:?}");
        assert!(matches!(tx.exec_each(SURE, &lists(9..10)).await, Err(Error::Failed)));
        drop(tx);
        assert_eq!(notes(&db).await, 0, "{}", db.engine());
    }
}

#[tokio::test]
async fn lists_fit_their_statement() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        let uneven = tx.exec_each(INSERT, &[args!["a", 1_i64], args![2_i64]]).await;
        assert!(matches!(uneven, Err(Error::Misuse(_))), "{uneven:?}");
        let short = tx.exec_each(INSERT, &[args!["a"]]).await;
        assert!(matches!(short, Err(Error::Arguments { expected: 2, given: 1, .. })), "{short:?}");
        tx.exec_each(INSERT, &lists(1..2)).await.unwrap();
        let two =
            tx.opt_each::<(i64,)>("SELECT 1 FROM (VALUES (1), (2)) AS two WHERE $1", &[args![true]]).await;
        assert!(matches!(two, Err(Error::Statement(_))), "{two:?}");
        let mut tx = db.read().await.unwrap();
        assert!(matches!(tx.exec_each(INSERT, &lists(3..4)).await, Err(Error::ReadOnly)));
        let single = db.single().await.unwrap().opt_each::<(String,)>(TEXT, &[args![1_i64]]).await;
        assert!(matches!(single, Err(Error::Misuse(_))), "{single:?}");
    }
}
