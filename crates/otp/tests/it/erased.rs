//! With an erased person all of their codes go.

use denizen_otp::take_events;
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::users::v1::Status;

use crate::support::{ADA, BOB, Node, other};

fn erased(seq: i64, subject: &str) -> Event {
    Event {
        seq,
        r#type: "user.erased".into(),
        subject: subject.into(),
        data: "{}".into(),
        ..Event::default()
    }
}

async fn rows(node: &Node, sql: &'static str) -> i64 {
    let (count,): (i64,) = node.app.db.single().await.unwrap().one(sql, Vec::new()).await.unwrap();
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_erased_person_stays_and_others_keep_theirs() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.peers.account(BOB, &["bob"], Status::Active);
        let of_ada = node.send("ada").await.otp_id;
        let code_of_ada = node.issue(&of_ada).await.code;
        assert!(!node.login(&of_ada, &other(&code_of_ada)).await, "a wrong try is on record");
        let of_bob = node.send("bob").await.otp_id;
        let code_of_bob = node.issue(&of_bob).await.code;

        let renamed =
            Event { seq: 6, r#type: "user.updated".into(), subject: BOB.into(), ..Event::default() };
        let unreadable = erased(7, "nobody");
        take_events(&node.app, &[renamed, unreadable, erased(8, ADA)]).await.unwrap();
        assert_eq!(rows(&node, "SELECT COUNT(*) FROM otps").await, 1, "Bob's");
        assert_eq!(rows(&node, "SELECT COUNT(*) FROM code_tries").await, 0);
        assert!(!node.login(&of_ada, &code_of_ada).await);
        take_events(&node.app, &[erased(8, BOB)]).await.unwrap();
        assert!(node.login(&of_bob, &code_of_bob).await, "an event that was taken has no effect again");
        node.stop().await;
    }
}
