//! Hashes of many people at once: put, claimed, exported; and that a failed check costs the same for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_rpc::password::internal::v1::{
    ClaimCredentialsRequest, ExportHashesRequest, NewCredential, PutCredentialsRequest,
};
use denizen_rpc::problem_from;

use crate::node::{ADA, BOB, CHEAP, FIRST, Node, SECOND, field, put_hash};

/// Of `password`, by the reference implementation.
const IMPORTED: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
const EVE: &str = "0192aa00-0000-7000-8000-00000000e0e0";

fn credentials(list: &[(&str, &str)]) -> PutCredentialsRequest {
    let new = |(user_id, hash): &(&str, &str)| NewCredential {
        user_id: (*user_id).to_owned(),
        password_hash: (*hash).to_owned(),
    };
    PutCredentialsRequest { credentials: list.iter().map(new).collect() }
}

fn ids(list: &[&str]) -> Vec<String> {
    list.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_put_and_the_bad_ones_named() {
    for node in Node::all().await {
        let wish = credentials(&[(ADA, IMPORTED), (EVE, "hunter2"), (BOB, IMPORTED)]);
        let refused = node.transfer(Role::Users).put_credentials(wish).await.unwrap().into_inner().refused;
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].index, refused[0].code.as_str()), (1, "unsupported"));
        assert!(node.verify(ADA, "password").await.unwrap() && node.verify(BOB, "password").await.unwrap());

        node.transfer(Role::Users)
            .claim_credentials(ClaimCredentialsRequest { user_ids: ids(&[ADA, EVE]) })
            .await
            .unwrap();
        node.clock.advance(Duration::from_secs(2 * 3600));
        denizen_password::sweep(&node.app).await.unwrap();
        assert!(node.verify(ADA, "password").await.unwrap(), "claimed");
        assert!(!node.verify(BOB, "password").await.unwrap(), "claimed by no account");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_are_exported_and_that_is_recorded() {
    for node in Node::all().await {
        node.transfer(Role::Users).put_credentials(credentials(&[(ADA, IMPORTED)])).await.unwrap();
        node.put(BOB, FIRST).await.unwrap();
        let wish = ExportHashesRequest { user_ids: ids(&[ADA, BOB, EVE]) };
        let hashes = node.transfer(Role::Operator).export_hashes(wish).await.unwrap().into_inner().hashes;
        assert_eq!(hashes.len(), 2, "nothing for who has none");
        assert_eq!((hashes[0].user_id.as_str(), hashes[0].password_hash.as_str()), (ADA, IMPORTED));
        let moved = credentials(&[(EVE, &hashes[1].password_hash)]);
        node.transfer(Role::Users).put_credentials(moved).await.unwrap();
        assert!(node.verify(EVE, FIRST).await.unwrap(), "what was exported can be imported");
        let event = &node.events(1).await[0];
        assert_eq!(
            (event.kind.as_str(), event.data.as_str()),
            ("password.hashes_exported", r#"{"count":2}"#)
        );
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_are_internal_and_bounded() {
    let node = Node::start(CHEAP).await;
    let many = credentials(&vec![(ADA, IMPORTED); 501]);
    let problem = problem_from(node.transfer(Role::Users).put_credentials(many).await.unwrap_err());
    assert_eq!(field(&problem), ("/credentials", "too_many"));
    for service in [Role::Gateway, Role::Auth, Role::Notify] {
        let mut transfer = node.transfer(service);
        let put = transfer.put_credentials(credentials(&[(ADA, IMPORTED)])).await.unwrap_err();
        assert_eq!(problem_from(put).code, Code::Forbidden);
        let export = transfer.export_hashes(ExportHashesRequest { user_ids: ids(&[ADA]) }).await.unwrap_err();
        assert_eq!(problem_from(export).code, Code::Forbidden);
        let claim = ClaimCredentialsRequest { user_ids: ids(&[ADA]) };
        let claim = transfer.claim_credentials(claim).await.unwrap_err();
        assert_eq!(problem_from(claim).code, Code::Forbidden);
    }
    node.stop().await;
}

/// What one call of the closure costs.
pub(crate) async fn cost_of(node: &Node, user_id: &str, password: &str) -> BTreeMap<&'static str, u64> {
    let before = node.app.pool.steps();
    assert!(!node.verify(user_id, password).await.unwrap());
    let mut after = node.app.pool.steps();
    for (family, steps) in &mut after {
        *steps -= before.get(family).copied().unwrap_or_default();
    }
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_costs_the_same_for_everybody() {
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        for user_id in [ADA, EVE, ""] {
            assert_eq!(cost_of(&node, user_id, SECOND).await["argon2"], 32, "{user_id}");
        }
        // Cheaper and dearer ones, from elsewhere or from settings of before.
        let cheaper = "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        node.credentials(Role::Users).put_credential(put_hash(BOB, cheaper)).await.unwrap();
        for user_id in [ADA, BOB, EVE, ""] {
            assert_eq!(cost_of(&node, user_id, SECOND).await["argon2"], 32, "{user_id}");
        }
        node.credentials(Role::Users).put_credential(put_hash(BOB, IMPORTED)).await.unwrap();
        for user_id in [ADA, BOB, EVE, ""] {
            assert_eq!(cost_of(&node, user_id, SECOND).await["argon2"], 2 * 65_536, "{user_id}");
        }
        // Once it has been replaced, nobody pays for it any more.
        assert!(node.verify(BOB, "password").await.unwrap());
        for user_id in [ADA, BOB, EVE, ""] {
            assert_eq!(cost_of(&node, user_id, SECOND).await["argon2"], 32, "{user_id}");
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_costs_its_own_hash_and_what_cannot_be_one_nothing() {
    let node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    let before = node.app.pool.hashes();
    assert!(node.verify(ADA, FIRST).await.unwrap());
    assert_eq!(node.app.pool.hashes() - before, 1);
    for impossible in ["a".repeat(1 << 20), "a".repeat(257)] {
        assert!(!node.verify(ADA, &impossible).await.unwrap());
    }
    assert_eq!(node.app.pool.hashes() - before, 1);
    node.stop().await;
}
