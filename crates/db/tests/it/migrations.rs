//! Migrations, and that both engines end with the same schema.

use denizen_db::{Db, Error, Migration, args};

use crate::support::{Place, TABLES};

const SECOND: Migration = Migration { name: "0002_more", sql: "ALTER TABLE notes ADD COLUMN more TEXT;" };

#[tokio::test]
async fn steps_run_once_and_in_order() {
    for place in Place::all().await {
        place.open().await.close().await;
        place.open().await.close().await;
        let db = place.connect(&[TABLES, SECOND]).await.unwrap();
        let found: Option<(String,)> =
            db.single().await.unwrap().opt("SELECT more FROM notes", args![]).await.unwrap();
        assert_eq!(found, None);
    }
}

#[tokio::test]
async fn a_changed_step_is_refused() {
    for place in Place::all().await {
        place.open().await.close().await;
        let changed = Migration { name: TABLES.name, sql: "CREATE TABLE other (id UUID)" };
        let outcome = place.connect(&[changed]).await;
        assert!(matches!(outcome, Err(Error::Migration(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn an_older_program_works_on_a_newer_schema() {
    for place in Place::all().await {
        place.connect(&[TABLES, SECOND]).await.unwrap().close().await;
        let db = place.open().await;
        db.ping().await.unwrap();
        let changed = Migration { name: TABLES.name, sql: "CREATE TABLE other (id UUID)" };
        assert!(matches!(place.connect(&[changed]).await, Err(Error::Migration(_))));
    }
}

#[tokio::test]
async fn a_broken_step_leaves_nothing() {
    for place in Place::all().await {
        let broken = Migration { name: "0001_broken", sql: "CREATE TABLE half (id UUID); SELECT no_such;" };
        assert!(matches!(place.connect(&[broken]).await, Err(Error::Migration(_))));
        let mended = Migration { name: "0001_mended", sql: "CREATE TABLE half (id UUID);" };
        place.connect(&[mended]).await.unwrap();
    }
}

#[tokio::test]
async fn a_step_may_be_for_one_engine() {
    let steps = [
        Migration { name: "0001_engine.pg", sql: "CREATE TABLE engine_pg (id UUID)" },
        Migration { name: "0001_engine.sqlite", sql: "CREATE TABLE engine_sqlite (id UUID)" },
    ];
    for place in Place::all().await {
        let db = place.connect(&steps).await.unwrap();
        let table = if db.engine() == "sqlite" { "engine_sqlite" } else { "engine_pg" };
        assert!(columns(&db).await.contains(&format!("{table}.id")));
        let other = if db.engine() == "sqlite" { "engine_pg" } else { "engine_sqlite" };
        assert!(!columns(&db).await.contains(&format!("{other}.id")));
    }
}

#[tokio::test]
async fn a_step_needs_a_number() {
    let place = Place::sqlite();
    let outcome = place.connect(&[Migration { name: "users", sql: "" }]).await;
    assert!(matches!(outcome, Err(Error::Migration(_))));
}

/// `table.column` of all tables.
async fn columns(db: &Db) -> Vec<String> {
    let sql = match db.engine() {
        "sqlite" => {
            "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' ORDER BY 1"
        }
        _ => {
            "SELECT CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = 'users' ORDER BY 1"
        }
    };
    let mut found: Vec<(String,)> = db.single().await.unwrap().all(sql, args![]).await.unwrap();
    found.sort();
    found.into_iter().map(|(name,)| name).collect()
}

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let Some(place) = Place::postgres().await else { return };
    let (_folder, sqlite) = crate::support::sqlite().await;
    let postgres = place.open().await;
    let expected = columns(&sqlite).await;
    assert!(expected.contains(&"outbox.seq".to_owned()));
    assert_eq!(columns(&postgres).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_together_migrate_once() {
    let Some(place) = Place::postgres().await else { return };
    let opened = futures::future::join_all((0..6).map(|_| place.open())).await;
    assert_eq!(opened.len(), 6);
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite();
    place.open().await;
    let mode = std::fs::metadata(&place.config.data_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
