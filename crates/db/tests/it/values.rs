//! Values, nulls and arguments.

use denizen_db::{Args, Error, FromRow, Result, Row, args};
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::support::Place;

#[derive(Debug, PartialEq)]
struct Thing {
    id: UserId,
    flag: Option<bool>,
    amount: Option<i64>,
    name: Option<String>,
    raw: Option<Vec<u8>>,
    at: Option<Timestamp>,
    other: Option<Uuid>,
    doc: Option<serde_json::Value>,
}

impl FromRow for Thing {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            flag: row.get(1)?,
            amount: row.get(2)?,
            name: row.get(3)?,
            raw: row.get(4)?,
            at: row.get(5)?,
            other: row.get(6)?,
            doc: row.get(7)?,
        })
    }
}

impl Thing {
    fn args(&self) -> Args {
        let doc = self.doc.clone();
        args![self.id, self.flag, self.amount, self.name.clone(), self.raw.clone(), self.at, self.other, doc]
    }
}

const INSERT: &str = "INSERT INTO things (id, flag, amount, name, raw, at, other, doc) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FIND: &str = "SELECT id, flag, amount, name, raw, at, other, doc FROM things WHERE id = $1";

fn full() -> Thing {
    Thing {
        id: UserId::from_uuid(Uuid::from_u128(7)),
        flag: Some(true),
        amount: Some(i64::MIN),
        name: Some("Ada \u{1F9D1} 'quoted'".into()),
        raw: Some(vec![0, 255, 7]),
        at: Some("1815-12-10T01:02:03.000004Z".parse().unwrap()),
        other: Some(Uuid::from_u128(u128::MAX)),
        doc: Some(json!({"a": [1, null, "x"]})),
    }
}

fn empty() -> Thing {
    let id = UserId::from_uuid(Uuid::from_u128(8));
    Thing { id, flag: None, amount: None, name: None, raw: None, at: None, other: None, doc: None }
}

#[tokio::test]
async fn values_and_nulls_come_back_as_they_went() {
    for place in Place::all().await {
        let db = place.open().await;
        for thing in [full(), empty()] {
            let mut tx = db.write().await.unwrap();
            assert_eq!(tx.exec(INSERT, thing.args()).await.unwrap(), 1);
            tx.commit().await.unwrap();
            let found: Thing = db.single().await.unwrap().one(FIND, args![thing.id]).await.unwrap();
            assert_eq!(found, thing, "{}", db.engine());
        }
        let found: Vec<(UserId,)> =
            db.single().await.unwrap().all("SELECT id FROM things ORDER BY id", args![]).await.unwrap();
        assert_eq!(found.len(), 2);
    }
}

#[tokio::test]
async fn arguments_are_numbered_not_listed() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        let sql = "INSERT INTO notes (text, id) VALUES ($2, $1)";
        tx.exec(sql, args![1, "one"]).await.unwrap();
        let sql = "SELECT id, text FROM notes WHERE text = $2 AND id = $1 AND id = $1";
        let found: (i64, String) = tx.one(sql, args![1, "one"]).await.unwrap();
        assert_eq!(found, (1, "one".to_owned()));
    }
}

#[tokio::test]
async fn arguments_are_counted_and_a_mistake_spoils_nothing() {
    for place in Place::all().await {
        let db = place.open().await;
        let mut tx = db.write().await.unwrap();
        for given in [args![], args![1], args![1, "a", "b"]] {
            let sql = "INSERT INTO notes (id, text) VALUES ($1, $2)";
            let outcome = tx.exec(sql, given).await;
            assert!(matches!(outcome, Err(Error::Arguments { expected: 2, .. })), "{outcome:?}");
        }
        // Nothing was sent, so the transaction goes on, and is still one.
        tx.exec("INSERT INTO notes (id, text) VALUES ($1, $2)", args![1, "a"]).await.unwrap();
        drop(tx);
        assert_eq!(crate::support::notes(&db).await, 0, "{}", db.engine());
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error() {
    for place in Place::all().await {
        let db = place.open().await;
        let read = db.single().await.unwrap().one::<(Uuid,)>("SELECT CAST('x' AS TEXT)", args![]).await;
        assert!(matches!(read, Err(Error::Statement(_))), "{read:?}");
        let null = db.single().await.unwrap().one::<(i64,)>("SELECT CAST(NULL AS BIGINT)", args![]).await;
        assert!(matches!(null, Err(Error::Statement(_))), "{null:?}");
        let mut tx = db.write().await.unwrap();
        let wrong = tx.exec("INSERT INTO notes (id, text) VALUES ($1, $2)", args!["one", 1]).await;
        assert!(matches!(wrong, Err(Error::Statement(_))), "{wrong:?} on {}", db.engine());
    }
}

#[test]
fn values_are_not_shown() {
    let shown = format!("{:?}", args!["ada@example.test", 1, None::<bool>]);
    assert_eq!(shown, "[Text(…), Int(…), Bool(null)]");
}

#[tokio::test]
async fn futures_stay_small() {
    let (_place, db) = crate::support::sqlite().await;
    let read = async {
        let mut tx = db.single().await?;
        tx.opt::<Thing>(FIND, args![1]).await
    };
    let write = async {
        let mut tx = db.write().await?;
        tx.exec(INSERT, args![]).await?;
        tx.commit().await
    };
    let sizes = (size_of_val(&read), size_of_val(&write));
    // They are copied into every op's future, and that into every connection's.
    assert!(sizes.0 <= 2048 && sizes.1 <= 4096, "{sizes:?}");
    drop((read, write));
}
