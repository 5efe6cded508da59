use std::sync::Arc;

use denizen_rpc::auth::internal::v1::Revocation;

use super::*;

const FIRST: &str = "0192aa00-0000-7000-8000-000000000001";
const SECOND: &str = "0192aa00-0000-7000-8000-000000000002";

fn message(snapshot: bool, items: &[(&str, i64)]) -> Message {
    let items = items.iter().map(|(id, until)| Revocation { session_id: (*id).to_owned(), until: *until });
    Message { items: items.collect(), snapshot }
}

fn has(revocations: &Revocations, id: &str) -> bool {
    revocations.has(id.parse().unwrap())
}

#[tokio::test]
async fn what_was_told_stays_told() {
    let revocations = Revocations::new();
    revocations.take(&message(true, &[(FIRST, 100)]), 10);
    revocations.take(&message(false, &[(SECOND, 100)]), 10);
    assert!(has(&revocations, FIRST) && has(&revocations, SECOND));
    revocations.take(&message(false, &[]), 10);
    assert!(has(&revocations, FIRST), "a heartbeat changes nothing");
    revocations.take(&message(true, &[(SECOND, 100)]), 10);
    assert!(has(&revocations, FIRST), "a list of all may have been read before it ended");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_end_is_woken_by_it_alone() {
    let revocations = Arc::new(Revocations::new());
    let ended = {
        let revocations = revocations.clone();
        tokio::spawn(async move { revocations.ended(FIRST.parse().unwrap()).await })
    };
    tokio::task::yield_now().await;
    revocations.take(&message(false, &[(SECOND, 100)]), 10);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!ended.is_finished());
    revocations.take(&message(false, &[(FIRST, 100)]), 10);
    tokio::time::timeout(Duration::from_secs(1), ended).await.expect("within a second").unwrap();
    revocations.ended(FIRST.parse().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn doubt_lasts_until_the_stream_is_heard_and_closes_no_door() {
    let revocations = Revocations::new();
    tokio::time::advance(Duration::from_secs(60)).await;
    revocations.take(&message(false, &[]), 10);
    revocations.doubt();
    assert_eq!(revocations.trust(), Trust::Stale, "auth was there just now");
    revocations.take(&message(false, &[]), 10);
    assert_eq!(revocations.trust(), Trust::Fresh);
}

#[tokio::test]
async fn what_has_lapsed_goes() {
    let revocations = Revocations::new();
    revocations.take(&message(false, &[(FIRST, 100), (SECOND, 200)]), 10);
    revocations.sweep(150);
    assert!(!has(&revocations, FIRST) && has(&revocations, SECOND));
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed() {
    let revocations = Revocations::new();
    assert_eq!(revocations.trust(), Trust::Stale, "nothing has been heard yet");
    revocations.take(&message(true, &[]), 10);
    assert_eq!(revocations.trust(), Trust::Fresh);
    tokio::time::advance(Duration::from_millis(1_100)).await;
    assert_eq!(revocations.trust(), Trust::Stale);
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(revocations.trust(), Trust::Blind);
    revocations.note_reached();
    assert_eq!(revocations.trust(), Trust::Stale);
}
