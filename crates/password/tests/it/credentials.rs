//! First passwords, and checking them at the same cost for everybody.

use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_rpc::password::internal::v1::{DropCredentialRequest, PutCredentialRequest};
use denizen_rpc::password::v1::CheckStrengthRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;

use crate::node::{self, ADA, BOB, CHEAP, FIRST, Node, SECOND, field};

/// Of `password`, by the reference implementation.
const IMPORTED: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_right_for_its_owner_only() {
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        node.put(BOB, SECOND).await.unwrap();
        assert!(node.verify(ADA, FIRST).await.unwrap());
        assert!(!node.verify(ADA, SECOND).await.unwrap());
        assert!(!node.verify(BOB, FIRST).await.unwrap());
        assert!(!node.verify("", FIRST).await.unwrap());
        node.put(ADA, SECOND).await.unwrap();
        assert!(node.verify(ADA, SECOND).await.unwrap(), "put again, as after a repeated request");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_password_counts_however_it_is_typed() {
    let node = Node::start(CHEAP).await;
    let long = "caf\u{e9} 🦀 ".repeat(20);
    node.put(ADA, &long).await.unwrap();
    assert!(node.verify(ADA, &long.replace('\u{e9}', "e\u{301}")).await.unwrap(), "normal form C");
    assert!(!node.verify(ADA, long.trim_end()).await.unwrap(), "the last character");
    assert!(!node.verify(ADA, &long.replacen("🦀", "\0", 1)).await.unwrap());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_first_password_is_refused_with_the_reason() {
    let node = Node::start(CHEAP).await;
    let table = [
        ("seven77", "too_short"),
        (&"a long one ".repeat(30), "too_long"),
        ("P@ssw0rd!", "common"),
        ("AdaLovelace1815", "similar"),
        ("zebra12345", "too_weak"),
    ];
    for (password, code) in table {
        let problem = node.put(ADA, password).await.unwrap_err();
        assert_eq!((problem.code, field(&problem)), (Code::WeakPassword, ("/password", code)), "{password}");
    }
    assert!(!node.verify(ADA, "zebra12345").await.unwrap(), "nothing was kept");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_hash_or_costs_too_much_is_refused() {
    let node = Node::start(CHEAP).await;
    let mut users = node.credentials(Role::Users);
    for (bad, code, word) in [
        ("hunter2", "unsupported", "$argon2id$"),
        (&IMPORTED.replace("65536", "65537"), "too_costly", "64 MiB"),
        (&IMPORTED[..IMPORTED.len() - 27], "too_weak", "16 bytes"),
    ] {
        let problem = problem_from(users.put_credential(node::put_hash(ADA, bad)).await.unwrap_err());
        assert_eq!(field(&problem), ("/password_hash", code), "{bad}");
        assert!(problem.fields[0].detail.contains(word), "{}", problem.fields[0].detail);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_hash_is_hashed_anew_at_the_next_success() {
    for node in Node::all().await {
        let mut users = node.credentials(Role::Users);
        users.put_credential(node::put_hash(ADA, IMPORTED)).await.unwrap();
        for (password, valid, hashes) in
            [("passwore", false, 1), ("password", true, 2), ("password", true, 1)]
        {
            let before = node.app.pool.hashes();
            assert_eq!(node.verify(ADA, password).await.unwrap(), valid);
            assert_eq!(node.app.pool.hashes() - before, hashes);
        }
        let node = node.restart("[password.argon2]\nmemory_kib = 64\niterations = 1\n").await;
        for hashes in [2, 1] {
            let before = node.app.pool.hashes();
            assert!(node.verify(ADA, "password").await.unwrap());
            assert_eq!(node.app.pool.hashes() - before, hashes, "once after a change of settings");
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_password_is_gone_and_its_link_too() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        let token = node.token("0192aa00-0000-7000-8000-0000000000e1").await;
        let request = DropCredentialRequest { user_id: ADA.to_owned() };
        for _ in 0..2 {
            node.credentials(Role::Users).drop_credential(request.clone()).await.unwrap();
        }
        assert!(!node.verify(ADA, FIRST).await.unwrap());
        assert_eq!(node.reset(&token, SECOND).await.unwrap_err().code, Code::TokenInvalid);
        let newer = node.token("0192aa00-0000-7000-8000-0000000000e2").await;
        node.reset(&newer, SECOND).await.unwrap();
        assert!(node.verify(ADA, SECOND).await.unwrap());
        let events: Vec<String> = node.events(2).await.into_iter().map(|event| event.kind).collect();
        assert_eq!(events, ["password.dropped", "password.reset"], "told once");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_operations_are_internal() {
    let node = Node::start(CHEAP).await;
    for service in [Role::Gateway, Role::Notify, Role::Auth] {
        let put = node
            .credentials(service)
            .put_credential(PutCredentialRequest {
                user_id: ADA.to_owned(),
                password: FIRST.to_owned(),
                ..PutCredentialRequest::default()
            })
            .await;
        assert_eq!(problem_from(put.unwrap_err()).code, Code::Forbidden, "{service}");
        let request = DropCredentialRequest { user_id: ADA.to_owned() };
        let dropped = node.credentials(service).drop_credential(request).await;
        assert_eq!(problem_from(dropped.unwrap_err()).code, Code::Forbidden, "{service}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strength_is_rated_and_nothing_kept() {
    let node = Node::start(CHEAP).await;
    let check = async |password: &str| {
        let request =
            CheckStrengthRequest { password: password.to_owned(), context: vec!["Grace Hopper".to_owned()] };
        node.passwords(None).check_strength(request).await.unwrap().into_inner()
    };
    let good = check(FIRST).await;
    assert!(good.acceptable && good.score >= 3 && good.problems.is_empty());
    let bad = check("hopper1").await;
    assert!(!bad.acceptable);
    assert_eq!(bad.problems, ["too_short", "similar", "too_weak"]);
    assert_eq!(check(&"a".repeat(5000)).await.problems, ["too_long"]);
    node.stop().await;
}
