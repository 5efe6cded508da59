//! Which root a database belongs to, and what is left of deleted rows.

use denizen_db::{Error, Standing, args, standing};

use crate::support::{Place, TABLES};

const INSERT: &str = "INSERT INTO things (id, raw) VALUES ($1, $2)";

#[tokio::test]
async fn a_database_belongs_to_the_root_that_marked_it_first() {
    for place in Place::all().await {
        let look = async || standing(&place.config, "users").await.unwrap();
        assert_eq!(look().await, Standing::Absent);
        assert_eq!(look().await, Standing::Absent, "looking makes nothing");
        let db = place.open().await;
        assert_eq!(look().await, Standing::Unmarked);
        assert!(db.belongs_to(b"one").await.unwrap());
        assert_eq!(look().await, Standing::Marked(b"one".to_vec()));
        assert!(db.belongs_to(b"one").await.unwrap());
        assert!(!db.belongs_to(b"two").await.unwrap());
        db.close().await;
        assert!(!place.open().await.belongs_to(b"two").await.unwrap(), "nor after another start");
        assert_eq!(look().await, Standing::Marked(b"one".to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_mark_at_once_one_is_right() {
    for place in Place::all().await {
        let (left, right) = (place.open().await, place.open().await);
        let (left, right) = tokio::join!(left.belongs_to(b"left"), right.belongs_to(b"right"));
        assert_ne!(left.unwrap(), right.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_make_a_file_together_migrate_it_once() {
    let place = Place::sqlite();
    let opened = futures::future::join_all((0..6).map(|_| place.connect(&[TABLES]))).await;
    for db in opened {
        db.unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_deleted_before_a_rewrite_is_in_no_file() {
    let place = Place::sqlite();
    let db = place.open().await;
    let secret = [0xa7; 40];
    let mut tx = db.write().await.unwrap();
    tx.exec(INSERT, args![uuid::Uuid::from_u128(1), secret.to_vec()]).await.unwrap();
    tx.commit().await.unwrap();
    let holders = || {
        let files = std::fs::read_dir(&place.config.data_dir).unwrap().map(|entry| entry.unwrap().path());
        let holds = |bytes: Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret);
        files.filter(|path| holds(std::fs::read(path).unwrap())).count()
    };
    assert_ne!(holders(), 0, "the search finds what is there");
    let mut tx = db.write().await.unwrap();
    tx.exec("DELETE FROM things", args![]).await.unwrap();
    tx.commit().await.unwrap();
    db.rewrite("things").await.unwrap();
    assert_eq!(holders(), 0);
}

#[tokio::test]
async fn a_table_is_rewritten_on_postgres() {
    let Some(place) = Place::postgres().await else { return };
    let db = place.open().await;
    let node = "SELECT CAST(pg_relation_filenode('things') AS BIGINT)";
    let before: (i64,) = db.single().await.unwrap().one(node, args![]).await.unwrap();
    db.rewrite("things").await.unwrap();
    let after: (i64,) = db.single().await.unwrap().one(node, args![]).await.unwrap();
    assert_ne!(before, after, "the rows are in another file now");
    assert!(matches!(db.rewrite("nothing").await, Err(Error::Statement(_))));
}
