//! The trail proves itself at any moment: while entries are appended, signed and taken away, and people are erased.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use denizen_kit::seal::Key;
use denizen_rpc::audit::v1::VerifyChainRequest;
use tokio::sync::watch;

use crate::support::{ADA, BOB, Node, event, from_address, local_nodes};

const DAY: Duration = Duration::from_secs(86_400);

/// Rounds of events.
const ROUNDS: u64 = 16;

/// Events of users in one round, and as many of auth.
const EVENTS: u64 = 10;

/// Appends round after round, two months between two of them, so that all steps of retention have work.
async fn write(node: &Node, rounds: &watch::Sender<u64>) {
    let kinds = ["session.started", "user.viewed", "user.updated", "session.ended"];
    for round in 0..ROUNDS {
        let later = i64::try_from(round * 60 * 86_400 * 1_000_000).expect("within an age");
        let at = |number: u64, person: &str| {
            let kind = kinds[usize::try_from(number % 4).expect("below four")];
            let event = event(round * 1_000 + number, kind, person, person);
            from_address(
                denizen_rpc::events::internal::v1::Event { at: event.at + later, ..event },
                "192.0.2.7",
            )
        };
        rounds.send_replace(round);
        node.world.tell("users", (0..EVENTS).map(|number| at(number, ADA)));
        node.world.tell("auth", (0..EVENTS).map(|number| at(number + 500, BOB)));
        let seq = i64::try_from((round + 1) * EVENTS).expect("a small number");
        node.world.taken_in("users", seq).await;
        node.world.taken_in("auth", seq).await;
        node.app.clock.advance(DAY * 60);
        if round % 2 == 0 {
            node.world.remove_key(BOB);
        } else {
            node.world.set_key(BOB, Key::from_bytes([9; 32]));
        }
    }
}

/// Verifies until the end, each time all of it and the end alone; how often.
async fn verify(node: &Node, is_over: &AtomicBool) -> u32 {
    let mut walks = 0;
    while !is_over.load(Ordering::Relaxed) {
        for full in [true, false] {
            let mut request = VerifyChainRequest { full, ..Default::default() };
            loop {
                let found = node.verify_as(request.clone()).await;
                assert!(found.valid, "walk {walks}, full {full}: {:?} {}", found.broken_at, found.reason);
                if found.next_cursor.is_empty() {
                    break;
                }
                request.cursor = found.next_cursor;
            }
            walks += 1;
            // The walks are no yields of themselves, and those who append want their turn.
            tokio::task::yield_now().await;
        }
    }
    walks
}

/// Takes what is old with each round, while its events come in.
async fn retain(node: &Node, mut rounds: watch::Receiver<u64>) {
    while rounds.changed().await.is_ok() {
        denizen_audit::retain(&node.app).await.expect("retention");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_holds_at_every_moment() {
    for node in local_nodes().await {
        node.world.set_key(ADA, Key::from_bytes([8; 32]));
        node.start();
        node.start();
        let (node, is_over) = (Arc::new(node), Arc::new(AtomicBool::new(false)));
        let (walker, until) = (node.clone(), is_over.clone());
        let verifying = tokio::spawn(async move { verify(&walker, &until).await });
        let (rounds, each) = watch::channel(0);
        let keeper = node.clone();
        let retaining = tokio::spawn(async move { retain(&keeper, each).await });
        write(&node, &rounds).await;
        drop(rounds);
        is_over.store(true, Ordering::Relaxed);
        let walks = verifying.await.expect("it holds");
        retaining.await.expect("retention goes on");
        assert!(walks >= 4, "{walks}");

        let found = node.verify_as(VerifyChainRequest { full: true, ..Default::default() }).await;
        assert!(found.valid && found.removed > 0, "it was thinned: {found:?}");
        assert_eq!(found.entries, i64::try_from(ROUNDS * EVENTS * 2).expect("a small number"));
        Arc::into_inner(node).expect("nobody else has it").stop().await;
    }
}
