//! First passwords, and checking them at the same cost for everybody.

use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_rpc::password::internal::v1::PutCredentialRequest;
use denizen_rpc::password::v1::CheckStrengthRequest;
use denizen_rpc::problem_from;

use crate::node::{ADA, BOB, CHEAP, FIRST, Node, SECOND, field};

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
async fn everybody_costs_one_hash() {
    let node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    for (user_id, password) in [(ADA, FIRST), (ADA, SECOND), (BOB, FIRST), ("", FIRST)] {
        let before = node.app.pool.hashes();
        node.verify(user_id, password).await.unwrap();
        assert_eq!(node.app.pool.hashes() - before, 1, "{user_id}");
    }
    let before = node.app.pool.hashes();
    assert!(!node.verify(ADA, &"a".repeat(1 << 20)).await.unwrap());
    assert!(!node.verify(ADA, &"a".repeat(257)).await.unwrap());
    assert_eq!(node.app.pool.hashes(), before, "what cannot be a password costs nothing");
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
async fn an_imported_hash_is_hashed_anew_at_the_next_success() {
    let node = Node::start(CHEAP).await;
    let put = |hash: &str| PutCredentialRequest {
        user_id: ADA.to_owned(),
        password_hash: hash.to_owned(),
        ..PutCredentialRequest::default()
    };
    let mut users = node.credentials(Role::Users);
    for bad in [
        "hunter2",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        &IMPORTED.replace("65536", "65537"),
    ] {
        let problem = problem_from(users.put_credential(put(bad)).await.unwrap_err());
        assert_eq!(field(&problem), ("/password_hash", "unsupported"));
        assert!(problem.fields[0].detail.contains("Argon2id"));
    }
    users.put_credential(put(IMPORTED)).await.unwrap();
    for (password, valid, hashes) in [("passwore", false, 1), ("password", true, 2), ("password", true, 1)] {
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
