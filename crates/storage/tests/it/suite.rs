//! What every store must do.

use denizen_storage::{Error, Store};

/// A name and its content, for each of several.
pub(crate) async fn fill(store: &Store, names: &[&str]) {
    for name in names {
        store.put(name, name.as_bytes().to_vec()).await.unwrap();
    }
}

async fn names(store: &Store, folder: &str, after: Option<&str>, most: usize) -> Vec<String> {
    store.list(folder, after, most).await.unwrap().into_iter().map(|listed| listed.name).collect()
}

/// Runs the suite on an empty store whose limit is 1000 bytes.
pub(crate) async fn holds(store: &Store) {
    puts_gets_and_deletes(store).await;
    lists(store).await;
    bounds(store).await;
    deletes_below(store).await;
}

async fn puts_gets_and_deletes(store: &Store) {
    assert_eq!(store.get("a/b/1").await.unwrap(), None);
    store.put("a/b/1", vec![0, 255, 10, 13]).await.unwrap();
    assert_eq!(store.get("a/b/1").await.unwrap().unwrap().as_ref(), [0, 255, 10, 13]);
    store.put("a/b/1", vec![7]).await.unwrap();
    assert_eq!(store.get("a/b/1").await.unwrap().unwrap().as_ref(), [7], "the later one counts");
    store.put("a/b/empty", Vec::new()).await.unwrap();
    assert_eq!(store.get("a/b/empty").await.unwrap().unwrap().len(), 0);
    for name in ["a/b/1", "a/b/1", "a/b/empty", "never/there"] {
        store.delete(name).await.unwrap();
        assert_eq!(store.get(name).await.unwrap(), None, "{name}");
    }
}

async fn lists(store: &Store) {
    fill(store, &["l/u1/3", "l/u1/1", "l/u2/2", "l/u10/1", "m/1"]).await;
    let all = ["l/u1/1", "l/u1/3", "l/u10/1", "l/u2/2"];
    assert_eq!(names(store, "l", None, 10).await, all);
    assert_eq!(names(store, "l", None, 2).await, all[..2]);
    assert_eq!(names(store, "l", Some("l/u1/3"), 10).await, all[2..], "after a name, itself left out");
    assert_eq!(names(store, "l/u1", None, 10).await, all[..2], "u10 is another folder than u1");
    assert!(names(store, "nothing", None, 10).await.is_empty());
    let listed = store.list("m", None, 1).await.unwrap().remove(0);
    assert_eq!(listed.size, 3);
    assert!(listed.at.as_second() > 1_700_000_000, "{}", listed.at);
}

async fn bounds(store: &Store) {
    store.put("limit", vec![1; 1000]).await.unwrap();
    assert!(matches!(store.put("limit", vec![2; 1001]).await, Err(Error::TooLarge { limit: 1000 })));
    assert_eq!(store.get("limit").await.unwrap().unwrap().as_ref(), [1; 1000], "what was there stays");
    let long = "x".repeat(513);
    for bad in ["", "/", "a//b", "/a", "a/", "..", "a/../b", "./a", "a b", "a\0", "ä", "a\\b", "a%2fb", &long]
    {
        assert!(matches!(store.put(bad, vec![1]).await, Err(Error::BadName(_))), "{bad:?}");
        assert!(matches!(store.get(bad).await, Err(Error::BadName(_))), "{bad:?}");
        assert!(matches!(store.delete(bad).await, Err(Error::BadName(_))), "{bad:?}");
        assert!(matches!(store.list(bad, None, 1).await, Err(Error::BadName(_))), "{bad:?}");
    }
}

async fn deletes_below(store: &Store) {
    fill(store, &["d/u1/1", "d/u1/2/3", "d/u11/1"]).await;
    store.delete_below("d/u1").await.unwrap();
    store.delete_below("d/u1").await.unwrap();
    assert_eq!(names(store, "d", None, 10).await, ["d/u11/1"]);
}
