//! Imports: parts that come at once, and rows that get into each other's way.

use denizen_kit::problem::Code;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::{GetImportRequest, ImportUsersRequest, ImportUsersResponse, Outcome};
use serde_json::{Value, json};

use crate::support::{House, done, everywhere, operator, refusal};

/// Rows of one part.
const PART: usize = 120;

fn person(name: &str) -> Value {
    json!({"name": name, "email": format!("{name}@example.test"), "username": name})
}

fn part(first_row: i64, records: &[Value]) -> ImportUsersRequest {
    let records = records.iter().map(Value::to_string).collect();
    ImportUsersRequest { import_id: "one".to_owned(), first_row, records, ..Default::default() }
}

async fn sent(house: &House, request: ImportUsersRequest) -> ImportUsersResponse {
    done(house.transfer(&operator()).import_users(request).await)
}

fn outcomes(answer: &ImportUsersResponse) -> Vec<(Outcome, &str)> {
    answer.rows.iter().map(|row| (row.outcome(), row.pointer.as_str())).collect()
}

async fn progress(house: &House) -> wire::Import {
    let request = GetImportRequest { import_id: "one".to_owned() };
    done(house.transfer(&operator()).get_import(request).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_come_at_once_are_written_in_their_order() {
    everywhere(async |house: &House| {
        let rows = |part: usize| (0..PART).map(|row| person(&format!("p{part}x{row}"))).collect::<Vec<_>>();
        let first = |number: usize| i64::try_from(number * PART + 1).unwrap();
        // The last is sent first.
        let parts = (0..6).rev().map(|number| sent(house, part(first(number), &rows(number))));
        let answers = futures::future::join_all(parts).await;
        for (answer, number) in answers.iter().zip((0..6).rev()) {
            assert_eq!(answer.rows[0].row, first(number));
            assert!(outcomes(answer).iter().all(|row| row.0 == Outcome::Created), "{number}: {answer:?}");
            let import = answer.import.as_ref().unwrap();
            assert_eq!(import.rows, first(number + 1) - 1, "each knows of those before and none behind");
        }
        let import = progress(house).await;
        assert_eq!((import.rows, import.created), (720, 720));
        assert_eq!(house.events_of("users.imported").await.len(), 6);
        let again = sent(house, part(first(1), &rows(1))).await;
        assert!(outcomes(&again).iter().all(|row| row.0 == Outcome::DoneBefore));
        assert_eq!(progress(house).await.created, 720);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_refused() {
    everywhere(async |house: &House| {
        sent(house, part(1, &[person("ada")])).await;
        let gap = house.transfer(&operator()).import_users(part(3, &[person("bob")])).await;
        assert_eq!(refusal(gap), (Code::ValidationFailed, "/first_row".to_owned()));
        assert_eq!(progress(house).await.rows, 1);
        // Sent with rows that are done, the part is taken from where the import stands.
        let answer = sent(house, part(1, &[person("ada"), person("bob"), person("cyd")])).await;
        let expected = [Outcome::DoneBefore, Outcome::Created, Outcome::Created];
        assert_eq!(outcomes(&answer).iter().map(|row| row.0).collect::<Vec<_>>(), expected);
        assert_eq!(progress(house).await.created, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_conflict_is_told_at_its_row() {
    everywhere(async |house: &House| {
        house.register("taken").await;
        let id = "0192aa00-0000-7000-8000-00000000000a";
        let with = |name: &str, change: Value| {
            let mut record = person(name);
            record.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            record
        };
        let records = [
            person("anna"),
            with("bert", json!({"email": "TAKEN@example.test"})),
            with("carl", json!({"username": "anna"})),
            with("dora", json!({"id": id, "mobile": "+4915112345678"})),
            with("emil", json!({"id": id})),
            with("fred", json!({"mobile": "+49 151 12345678"})),
            with("gail", json!({"status": "gone"})),
            person("hugo"),
        ];
        let answer = sent(house, part(1, &records)).await;
        let expected = [
            (Outcome::Created, ""),
            (Outcome::Conflict, "/email"),
            (Outcome::Conflict, "/username"),
            (Outcome::Created, ""),
            (Outcome::Conflict, "/id"),
            (Outcome::Conflict, "/mobile"),
            (Outcome::Invalid, "/status"),
            (Outcome::Created, ""),
        ];
        assert_eq!(outcomes(&answer), expected);
        let import = progress(house).await;
        assert_eq!([import.rows, import.created, import.conflicts, import.invalid], [8, 3, 4, 1]);
        assert_eq!(house.get(id).await.name, "dora");
        let told = house.events_of("users.imported").await;
        assert_eq!(told[0]["user_ids"].as_array().unwrap().len(), 3);
        assert_eq!(told[0]["roles"], json!({"user": 3}));
        let later = sent(house, part(9, &[with("ines", json!({"id": id}))])).await;
        assert_eq!(outcomes(&later), [(Outcome::Conflict, "/id")]);
        assert_eq!(house.get(id).await.name, "dora");
    })
    .await;
}
