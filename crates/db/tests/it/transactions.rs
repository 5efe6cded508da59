//! Isolation, read-only ways in, errors.

use denizen_db::{Error, args};

use crate::support::{Place, note, notes};

#[tokio::test]
async fn a_read_is_a_snapshot() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut before = db.read().await.unwrap();
        let count = "SELECT COUNT(*) FROM notes";
        assert_eq!(before.one::<(i64,)>(count, args![]).await.unwrap(), (0,));
        let mut tx = db.write().await.unwrap();
        note(&mut tx, 1).await.unwrap();
        assert_eq!(notes(&db).await, 0, "not committed yet");
        tx.commit().await.unwrap();
        assert_eq!(before.one::<(i64,)>(count, args![]).await.unwrap(), (0,), "{}", db.engine());
        assert_eq!(notes(&db).await, 1);
    }
}

#[tokio::test]
async fn reading_ways_in_do_not_write() {
    for place in Place::all().await {
        let db = place.open().await;
        let returning = "INSERT INTO notes (id, text) VALUES ($1, $2) RETURNING id";
        let mut read = db.read().await.unwrap();
        assert!(matches!(note(&mut read, 1).await, Err(Error::ReadOnly)));
        let single = db.single().await.unwrap().opt::<(i64,)>(returning, args![1, "a"]).await;
        assert!(matches!(single, Err(Error::ReadOnly)), "{single:?}");
        assert!(matches!(note(&mut db.single().await.unwrap(), 1).await, Err(Error::ReadOnly)));
        assert_eq!(notes(&db).await, 0);
    }
}

#[tokio::test]
async fn a_single_read_is_one_statement() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.single().await.unwrap();
        tx.one::<(i64,)>("SELECT 1", args![]).await.unwrap_or_else(|_| panic!("{}", db.engine()));
        let second = tx.one::<(i64,)>("SELECT 1", args![]).await;
        assert!(matches!(second, Err(Error::Misuse(_))), "{second:?}");
    }
}

#[tokio::test]
async fn duplicates_have_the_same_name_on_both_engines() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        let sql = "INSERT INTO notes (id, text, pair) VALUES ($1, $2, $3)";
        tx.exec(sql, args![1, "one", 7]).await.unwrap();
        tx.exec(sql, args![2, "two", 8]).await.unwrap();
        tx.commit().await.unwrap();
        let cases = [
            (args![1, "other", 1], "notes.pkey"),
            (args![3, "one", 1], "notes.text"),
            (args![3, "ONE", 7], "notes.lower"),
        ];
        for (values, place) in cases {
            let outcome = db.write().await.unwrap().exec(sql, values).await;
            assert!(outcome.as_ref().is_err_and(|error| error.is_duplicate(place)), "{outcome:?} {place}");
        }
        let sql = "UPDATE things SET id = id WHERE id = $1";
        assert_eq!(db.write().await.unwrap().exec(sql, args![uuid::Uuid::nil()]).await.unwrap(), 0);
        let mut tx = db.write().await.unwrap();
        let orphan = tx.exec("INSERT INTO replies (id, note_id) VALUES ($1, $2)", args![1, 99]).await;
        assert!(matches!(orphan, Err(Error::Reference)), "{orphan:?}");
    }
}

#[tokio::test]
async fn several_columns_are_joined_in_the_name() {
    for place in Place::all().await {
        let db = place
            .connect(&[denizen_db::Migration {
                name: "0001_pairs",
                sql: "CREATE TABLE pairs (a BIGINT, b TEXT, CONSTRAINT pairs_a_b_key UNIQUE (a, b))",
            }])
            .await
            .unwrap();
        let mut tx = db.write().await.unwrap();
        let sql = "INSERT INTO pairs (a, b) VALUES ($1, $2)";
        tx.exec(sql, args![1, "x"]).await.unwrap();
        let second = tx.exec(sql, args![1, "x"]).await;
        assert!(second.as_ref().is_err_and(|error| error.is_duplicate("pairs.a_b")), "{second:?}");
    }
}

#[tokio::test]
async fn after_a_failure_only_rolling_back_is_left() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        note(&mut tx, 1).await.unwrap();
        assert!(matches!(note(&mut tx, 1).await, Err(Error::Duplicate(_))));
        assert!(matches!(note(&mut tx, 2).await, Err(Error::Failed)));
        assert!(matches!(tx.commit().await, Err(Error::Failed)));
        assert_eq!(notes(&db).await, 0, "{}", db.engine());
        // Not to be found is an answer, not a failure.
        let mut tx = db.write().await.unwrap();
        let found = tx.one::<(i64,)>("SELECT id FROM notes WHERE id = $1", args![5]).await;
        assert!(matches!(found, Err(Error::NotFound)));
        note(&mut tx, 5).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(notes(&db).await, 1);
    }
}

#[tokio::test]
async fn common_sql_works_alike() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write_relaxed("a test").await.unwrap();
        let upsert = "INSERT INTO notes (id, text) VALUES ($1, $2) \
                      ON CONFLICT (id) DO UPDATE SET text = excluded.text RETURNING text";
        for text in ["a", "b"] {
            let (now,): (String,) = tx.one(upsert, args![1, text]).await.unwrap();
            assert_eq!(now, text);
        }
        tx.exec("INSERT INTO notes (id, text) VALUES ($1, $2)", args![2, "z"]).await.unwrap();
        let page = "SELECT id FROM notes WHERE (text, id) > ($1, $2) ORDER BY text, id LIMIT $3";
        assert_eq!(tx.all::<(i64,)>(page, args!["b", 1, 10]).await.unwrap(), [(2,)]);
        let sum = "SELECT CAST(SUM(id) AS BIGINT) FROM notes";
        assert_eq!(tx.one::<(i64,)>(sum, args![]).await.unwrap(), (3,), "{}", db.engine());
        let more = tx.opt::<(i64,)>("SELECT id FROM notes", args![]).await;
        assert!(matches!(more, Err(Error::Statement(_))), "one row was asked for");
    }
}

#[tokio::test]
async fn it_answers_and_then_is_closed() {
    for place in Place::all().await {
        let db = place.open().await;
        db.ping().await.unwrap_or_else(|error| panic!("{}: {error}", db.engine()));
        db.checkpoint().await.unwrap();
        db.close().await;
        assert!(db.read().await.is_err());
        assert!(db.write().await.is_err());
    }
}
