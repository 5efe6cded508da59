//! One changed byte anywhere in what the trail is made of, and it does not hold any more: each column of each table.

use denizen_audit::Verification;
use denizen_db::{Value, args};
use denizen_kit::seal::Key;
use denizen_kit::time::{Timestamp, from_micros};
use uuid::Uuid;

use crate::support::{ADA, BOB, Node, event, from_address, local_nodes};

/// What a column holds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Number,
    Text,
    Bytes,
    Id,
    Time,
}

use Kind::{Bytes, Id, Number, Text, Time};

/// A column, and what it holds.
type Column = (&'static str, Kind);

/// Each table with the column that names its rows, and its columns. Where a place moves, it moves beyond the trail,
/// because two rows cannot have the same.
const TABLES: [(&str, &str, &[Column]); 5] = [
    (
        "entries",
        "seq",
        &[
            ("seq", Number),
            ("id", Id),
            ("at", Time),
            ("action", Text),
            ("actor", Text),
            ("subject", Id),
            ("ip_owner", Id),
            ("ip", Bytes),
            ("request_id", Text),
            ("result", Text),
            ("details", Text),
        ],
    ),
    (
        "links",
        "seq",
        &[("seq", Number), ("producer", Text), ("producer_seq", Number), ("digest", Bytes), ("hash", Bytes)],
    ),
    ("checkpoints", "seq", &[("seq", Number), ("at", Time), ("statement", Text), ("signature", Bytes)]),
    ("chain_head", "id", &[("seq", Number), ("hash", Bytes), ("signature", Bytes)]),
    ("cursors", "seq", &[("seq", Number)]),
];

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// The value with its n-th byte changed; none when it is shorter.
fn changed(value: &Value, place: usize) -> Option<Value> {
    let flip = |mut bytes: Vec<u8>| {
        *bytes.get_mut(place)? ^= 1;
        Some(bytes)
    };
    match value {
        // The bits from the tenth on: smaller ones could meet another row.
        Value::Int(Some(number)) => (place < 4).then(|| Value::from(number ^ (1 << (10 + 8 * place)))),
        Value::Text(Some(text)) => {
            Some(String::from_utf8(flip(text.clone().into_bytes())?).expect("ASCII").into())
        }
        Value::Bytes(Some(bytes)) => Some(flip(bytes.clone())?.into()),
        Value::Id(Some(id)) => {
            Some(Uuid::from_slice(&flip(id.as_bytes().to_vec())?).expect("16 bytes").into())
        }
        Value::Time(Some(at)) => {
            (place < 3).then(|| from_micros(at.as_microsecond() ^ (1 << (8 * place))).into())
        }
        _ => None,
    }
}

async fn read(node: &Node, sql: &'static str, row: i64, kind: Kind) -> Value {
    let mut tx = node.app.db.single().await.expect("a read");
    let row = args![row];
    match kind {
        Number => tx.one::<(i64,)>(sql, row).await.expect("a row").0.into(),
        Text => tx.one::<(String,)>(sql, row).await.expect("a row").0.into(),
        Bytes => tx.one::<(Option<Vec<u8>>,)>(sql, row).await.expect("a row").0.into(),
        Id => tx.one::<(Option<Uuid>,)>(sql, row).await.expect("a row").0.into(),
        Time => tx.one::<(Timestamp,)>(sql, row).await.expect("a row").0.into(),
    }
}

async fn write(node: &Node, sql: &'static str, value: Value, row: Value) {
    let mut tx = node.app.db.write().await.expect("a write");
    assert_eq!(tx.exec(sql, vec![value, row]).await.expect("an update"), 1);
    tx.commit().await.expect("a commit");
}

async fn broken_at(node: &Node) -> Option<i64> {
    let mut walk = Verification::full();
    loop {
        let step = walk.advance(&node.app.db, &node.app.notary).await.expect("a step");
        if let Some(verdict) = step {
            return verdict.broken.map(|broken| broken.seq);
        }
    }
}

/// Changes each byte of a column of a row in turn; how many there were.
async fn change_each(node: &Node, table: &str, key: &str, (column, kind): Column, row: i64) -> usize {
    let select = leaked(format!("SELECT {column} FROM {table} WHERE {key} = $1"));
    let update = leaked(format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2"));
    let value = read(node, select, row, kind).await;
    let mut places = 0;
    while let Some(other) = changed(&value, places) {
        write(node, update, other.clone(), row.into()).await;
        let found = broken_at(node).await;
        if matches!(table, "entries" | "links") {
            assert_eq!(found, Some(row), "{table}.{column}, byte {places}");
        } else {
            assert!(found.is_some(), "{table}.{column}, byte {places}");
        }
        let row_now = if column == key { other } else { row.into() };
        write(node, update, value.clone(), row_now).await;
        places += 1;
    }
    assert_eq!(broken_at(node).await, None, "{table}.{column} is as it was");
    places
}

#[tokio::test]
async fn one_changed_byte_anywhere_is_found() {
    for node in local_nodes().await {
        node.world.set_key(ADA, Key::from_bytes([1; 32]));
        node.world.set_key(BOB, Key::from_bytes([2; 32]));
        let told = (1..=4).map(|number| from_address(event(number, "user.updated", ADA, BOB), "192.0.2.10"));
        node.world.tell("users", told);
        node.start();
        node.world.taken_in("users", 4).await;
        node.tasks.stop().await;
        assert_eq!(broken_at(&node).await, None);
        let mut changes = 0;
        for (table, key, columns) in TABLES {
            let rows: &[i64] = match table {
                "entries" | "links" => &[1, 3, 4],
                "chain_head" => &[1],
                _ => &[4],
            };
            for column in columns {
                for row in rows {
                    changes += change_each(&node, table, key, *column, *row).await;
                }
            }
        }
        assert!(changes > 1_000, "{changes}");
        node.stop().await;
    }
}
