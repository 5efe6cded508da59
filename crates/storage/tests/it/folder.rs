//! A folder.

use std::time::Duration;

use denizen_storage::{Config, Error, Place, S3, Store};

use crate::suite;

pub(crate) fn config(place: Place) -> Config {
    Config { place, s3: S3::default(), object_limit: 1000, timeout: Duration::from_secs(10) }
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let data = tempfile::tempdir().unwrap();
    suite::holds(&Store::open(&config(Place::DataFolder), data.path()).unwrap()).await;
    assert!(data.path().join("objects/limit").is_file());

    let other = tempfile::tempdir().unwrap();
    let place = Place::Folder(other.path().join("not/there/yet"));
    suite::holds(&Store::open(&config(place), data.path()).unwrap()).await;
}

#[tokio::test]
async fn what_was_put_is_there_for_the_next_process() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(&config(Place::DataFolder), data.path()).unwrap();
    store.put("a/1", vec![1]).await.unwrap();
    drop(store);
    let again = Store::open(&config(Place::DataFolder), data.path()).unwrap();
    assert_eq!(again.get("a/1").await.unwrap().unwrap().as_ref(), [1]);
}

#[tokio::test]
async fn an_object_is_never_seen_half() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(&config(Place::DataFolder), data.path()).unwrap();
    store.put("a", vec![0; 1000]).await.unwrap();
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for round in 1..=50u8 {
            writer.put("a", vec![round; 1000]).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let seen = store.get("a").await.unwrap().unwrap();
        assert!(seen.len() == 1000 && seen.iter().all(|byte| *byte == seen[0]));
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn what_others_put_there_is_bounded_too() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(&config(Place::DataFolder), data.path()).unwrap();
    std::fs::write(data.path().join("objects/huge"), vec![0; 1001]).unwrap();
    assert!(matches!(store.get("huge").await, Err(Error::TooLarge { .. })));
}

#[test]
fn a_place_that_is_a_file_is_told_at_once() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("objects"), b"a file").unwrap();
    let error = Store::open(&config(Place::DataFolder), data.path()).unwrap_err();
    assert!(error.to_string().contains("objects"), "{error}");
}
