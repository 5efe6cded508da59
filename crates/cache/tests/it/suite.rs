//! What every kind of cache promises.

use std::sync::Arc;
use std::time::Duration;

use denizen_cache::{Cache, Quota};
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::timeout;

use crate::{HANG, caches, connect, eventually, key, server};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn values_are_kept_replaced_and_deleted() {
    for cache in caches().await {
        let (key, other) = (key(), key());
        assert_eq!(cache.get(&key).await, None);
        cache.set(&key, b"one", HOUR).await;
        cache.set(&other, &[0, 255, 10, 13], HOUR).await;
        assert_eq!(cache.get(&key).await, Some(b"one".to_vec()));
        assert_eq!(cache.get(&other).await, Some(vec![0, 255, 10, 13]), "any bytes");
        cache.set(&key, b"", HOUR).await;
        assert_eq!(cache.get(&key).await, Some(Vec::new()));
        cache.delete(&key).await;
        cache.delete(&key).await;
        assert_eq!(cache.get(&key).await, None, "{}", cache.kind());
        assert!(cache.get(&other).await.is_some());
    }
}

#[tokio::test]
async fn values_end() {
    for cache in caches().await {
        let (key, longest, none) = (key(), key(), key());
        cache.set(&longest, b"1", Duration::MAX).await;
        cache.set(&key, b"1", Duration::from_millis(300)).await;
        assert!(cache.get(&key).await.is_some());
        eventually("it ends", async || cache.get(&key).await.is_none()).await;
        assert!(cache.get(&longest).await.is_some());
        cache.set(&none, b"1", HOUR).await;
        cache.set(&none, b"2", Duration::ZERO).await;
        assert_eq!(cache.get(&none).await, None, "{}", cache.kind());
    }
}

/// Runs the same on many tasks at once and returns what came out.
async fn at_once<T, F>(count: usize, cache: &Cache, work: impl Fn(Cache) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(work(cache.clone()))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_take_one_gets_it() {
    for cache in caches().await {
        let key: Arc<str> = key().into();
        cache.set(&key, b"ticket", HOUR).await;
        let taken = at_once(30, &cache, |cache| {
            let key = key.clone();
            async move { cache.take(&key).await }
        });
        let taken: Vec<_> = taken.await.into_iter().flatten().collect();
        assert_eq!(taken, [b"ticket".to_vec()], "{}", cache.kind());
        assert_eq!(cache.get(&key).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_and_end() {
    for cache in caches().await {
        let key: Arc<str> = key().into();
        let counted = at_once(30, &cache, |cache| {
            let key = key.clone();
            async move { cache.count(&key, HOUR).await }
        });
        let mut counted = counted.await;
        counted.sort_unstable();
        assert_eq!(counted, (1..=30).collect::<Vec<u64>>(), "{}", cache.kind());
        assert_eq!(cache.get(&key).await, None, "a counter is not a value");

        let key = crate::key();
        let window = Duration::from_millis(300);
        assert_eq!(cache.count(&key, window).await, 1);
        assert_eq!(cache.count(&key, window).await, 2);
        eventually("a new window", async || cache.count(&key, window).await == 1).await;
    }
}

#[tokio::test]
async fn limits_let_the_burst_through_and_say_when() {
    let quota: Quota = "5/1h".parse().unwrap();
    for cache in caches().await {
        let key = key();
        for remaining in (0..5).rev() {
            let verdict = cache.limit(&key, &quota).await;
            assert!(verdict.allowed);
            assert_eq!((verdict.limit, verdict.remaining), (5, remaining), "{}", cache.kind());
            assert_eq!(verdict.retry_after, Duration::ZERO);
        }
        let refused = cache.limit(&key, &quota).await;
        assert!(!refused.allowed);
        assert_eq!(refused.remaining, 0);
        let interval = HOUR / 5;
        assert!(refused.retry_after <= interval && refused.retry_after + HANG > interval, "{refused:?}");
        assert!(refused.reset_after <= HOUR && refused.reset_after + HANG > HOUR, "{refused:?}");
        assert!(cache.limit(&crate::key(), &quota).await.allowed, "another key has its own");
    }
}

#[tokio::test]
async fn limits_let_one_through_when_they_said() {
    let quota: Quota = "5/1s burst 1".parse().unwrap();
    for cache in caches().await {
        let key = key();
        assert!(cache.limit(&key, &quota).await.allowed);
        assert!(!cache.limit(&key, &quota).await.allowed);
        eventually("one more", async || cache.limit(&key, &quota).await.allowed).await;
        assert!(!cache.limit(&key, &quota).await.allowed, "{}", cache.kind());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_exact() {
    let quota: Quota = "10/1h".parse().unwrap();
    for cache in caches().await {
        let key: Arc<str> = key().into();
        let passed = at_once(50, &cache, |cache| {
            let key = key.clone();
            async move { cache.limit(&key, &quota).await.allowed }
        });
        assert_eq!(passed.await.into_iter().filter(|passed| *passed).count(), 10, "{}", cache.kind());
    }
}

#[tokio::test]
async fn local_limits_need_no_server() {
    let quota: Quota = "2/1h".parse().unwrap();
    for cache in caches().await {
        let key = key();
        let passed = (0..5).filter(|_| cache.limit_local(&key, &quota).allowed).count();
        assert_eq!(passed, 2, "{}", cache.kind());
    }
}

#[tokio::test]
async fn bells_are_heard_once_by_each_listener() {
    for cache in caches().await {
        let channel = key();
        let mut first = cache.listen(&channel);
        let mut second = cache.listen(&channel);
        cache.ring(&channel, b"1");
        cache.ring(&channel, b"2");
        for listener in [&mut first, &mut second] {
            assert_eq!(listener.recv().await.unwrap(), b"1");
            assert_eq!(listener.recv().await.unwrap(), b"2");
        }
        // A round trip later an echo from the server would have come.
        cache.get(&channel).await;
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty), "{}", cache.kind());
    }
}

#[tokio::test]
async fn nodes_share_what_is_on_the_server() {
    let Some(url) = server() else { return };
    let (one, two) = (connect(&url).await, connect(&url).await);
    let (value, counter, limit, channel) = (key(), key(), key(), key());
    one.set(&value, b"1", HOUR).await;
    assert_eq!(two.take(&value).await, Some(b"1".to_vec()));
    assert_eq!(one.take(&value).await, None);

    assert_eq!(one.count(&counter, HOUR).await, 1);
    assert_eq!(two.count(&counter, HOUR).await, 2);

    let quota: Quota = "2/1h".parse().unwrap();
    assert!(one.limit(&limit, &quota).await.allowed);
    assert!(two.limit(&limit, &quota).await.allowed);
    assert!(!one.limit(&limit, &quota).await.allowed);
    assert!(!two.limit(&limit, &quota).await.allowed);

    let (mut here, mut there) = (one.listen(&channel), two.listen(&channel));
    one.ring(&channel, b"from one");
    two.ring(&channel, b"from two");
    for listener in [&mut here, &mut there] {
        let mut heard = Vec::new();
        for _ in 0..2 {
            heard.push(timeout(HANG, listener.recv()).await.expect("a bell is not heard").unwrap());
        }
        heard.sort();
        assert_eq!(heard, [b"from one".to_vec(), b"from two".to_vec()]);
        assert_eq!(listener.try_recv(), Err(TryRecvError::Empty));
    }
}
