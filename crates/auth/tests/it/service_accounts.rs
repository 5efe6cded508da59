//! Service accounts, their secrets and their tokens.

use std::time::Duration;

use denizen_kit::caller::{Caller, Permission, Role};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::problem_from;

use crate::support::{House, anonymous, person, person_with, places};
use crate::validate::claims_of;

const NOBODY: &str = "0192aa00-0000-7000-8000-0000000000ff";

async fn create(
    house: &House,
    caller: &Caller,
    name: &str,
    permissions: &[&str],
) -> Result<p::ServiceAccountWithSecret, Problem> {
    let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
    let request = p::CreateServiceAccountRequest { name: name.to_owned(), roles: Vec::new(), permissions };
    let answer =
        house.service_accounts(caller).create_service_account(request).await.map_err(problem_from)?;
    Ok(answer.into_inner())
}

async fn rotate(house: &House, id: &str, overlap: i64) -> Result<p::ServiceAccountWithSecret, Problem> {
    let request = p::RotateServiceSecretRequest { id: id.to_owned(), overlap };
    let admin = admin();
    let answer = house.service_accounts(&admin).rotate_service_secret(request).await.map_err(problem_from)?;
    Ok(answer.into_inner())
}

async fn delete(house: &House, caller: &Caller, id: &str) -> Result<(), Problem> {
    let request = p::DeleteServiceAccountRequest { id: id.to_owned() };
    house.service_accounts(caller).delete_service_account(request).await.map_err(problem_from).map(drop)
}

async fn token(house: &House, id: &str, secret: &str) -> Result<p::ServiceToken, Problem> {
    let request = p::IssueServiceTokenRequest { client_id: id.to_owned(), client_secret: secret.to_owned() };
    let answer =
        house.service_accounts(&anonymous()).issue_service_token(request).await.map_err(problem_from)?;
    Ok(answer.into_inner())
}

fn admin() -> Caller {
    person(NOBODY.parse().unwrap(), None, &["admin"])
}

/// An account of the default role; its id and its secret.
async fn made(house: &House) -> (String, String) {
    let made = create(house, &admin(), "shop", &[]).await.unwrap();
    (made.account.unwrap().id, made.client_secret)
}

#[tokio::test]
async fn client_id_and_secret_give_a_token() {
    for place in places() {
        let house = House::new(place).await;
        let made = create(&house, &admin(), " shop ", &["users:read", "audit:read"]).await.unwrap();
        let account = made.account.unwrap();
        assert_eq!((account.name.as_str(), account.created_by.as_str()), ("shop", NOBODY));
        assert_eq!((account.roles.len(), account.secrets.len(), account.last_used_at), (0, 1, None));
        assert!(made.client_secret.starts_with("dzs_") && made.client_secret.len() == 47);

        let token = token(&house, &account.id, &made.client_secret).await.unwrap();
        assert_eq!(token.expires_in, 1800);
        let claims = claims_of(&house, &anonymous(), &token.access_token).await.unwrap();
        assert_eq!(
            (&claims["sub"], &claims["sid"]),
            (&account.id.into(), &account.secrets[0].id.clone().into())
        );
        assert_eq!(claims["roles"], serde_json::json!(["service"]));
        assert_eq!(claims["amr"], serde_json::json!(["client"]));
        assert_eq!(claims["permissions"], serde_json::json!(["users:read", "audit:read"]));
        assert!(house.is_live(&account.secrets[0].id).await, "as a gateway without a fresh feed asks");
        let itself = person(claims["sub"].as_str().unwrap().parse().unwrap(), None, &["service"]);
        let request = p::GetServiceAccountRequest { id: claims["sub"].as_str().unwrap().to_owned() };
        let shown = house.service_accounts(&itself).get_service_account(request).await.unwrap().into_inner();
        assert_eq!(shown.last_used_at.unwrap().seconds, 1_800_000_000);

        let records = house.records().await;
        let kinds: Vec<_> = records.iter().map(|record| record.kind.as_str()).collect();
        assert_eq!(kinds, ["service_account.created", "service_account.token_issued"]);
        let secret = &made.client_secret[4..];
        assert!(records.iter().all(|record| !record.data.contains(secret)));
    }
}

#[tokio::test]
async fn only_who_manages_services_may_and_never_beyond_their_own() {
    for place in places() {
        let house = House::new(place).await;
        let (id, _) = made(&house).await;
        let bob = NOBODY.parse().unwrap();
        let reader = person_with(bob, &[Permission::UsersRead]);
        for (caller, code) in [(anonymous(), Code::Unauthenticated), (reader, Code::Forbidden)] {
            assert_eq!(create(&house, &caller, "x", &[]).await.unwrap_err().code, code);
            assert_eq!(delete(&house, &caller, &id).await.unwrap_err().code, code);
            let list = p::ListServiceAccountsRequest::default();
            let listed = house.service_accounts(&caller).list_service_accounts(list).await;
            assert_eq!(problem_from(listed.unwrap_err()).code, code);
            let get = p::GetServiceAccountRequest { id: NOBODY.to_owned() };
            let got = house.service_accounts(&anonymous()).get_service_account(get).await;
            assert_eq!(problem_from(got.unwrap_err()).code, Code::Unauthenticated, "before it is looked up");
        }
        let manager = person_with(bob, &[Permission::ServicesManage, Permission::AuditRead]);
        assert!(create(&house, &manager, "x", &["audit:read"]).await.is_ok());
        let beyond = create(&house, &manager, "x", &["audit:read", "users:read"]).await.unwrap_err();
        assert_eq!(beyond.code, Code::Forbidden);
        assert_eq!(create(&house, &manager, "x", &[]).await.unwrap_err().code, Code::Forbidden, "the role");
        assert_eq!(delete(&house, &manager, &id).await.unwrap_err().code, Code::Forbidden, "a stronger one");
        let request = p::RotateServiceSecretRequest { id: id.clone(), overlap: 0 };
        let stolen = house.service_accounts(&manager).rotate_service_secret(request).await;
        assert_eq!(problem_from(stolen.unwrap_err()).code, Code::Forbidden, "its secret would be theirs");
        assert_eq!(delete(&house, &admin(), NOBODY).await.unwrap_err().code, Code::NotFound);

        let bad = create(&house, &admin(), "", &["users:all"]).await.unwrap_err();
        let pointers: Vec<_> = bad.fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!((bad.code, pointers), (Code::ValidationFailed, vec!["/name", "/permissions"]));
        let refused = house.events().await.into_iter().filter(|(kind, _)| kind == "access.refused").count();
        assert_eq!(refused, 7, "each refusal of somebody is recorded");
    }
}

#[tokio::test]
async fn a_deleted_account_and_its_tokens_are_dead_at_once() {
    for place in places() {
        let house = House::new(place).await;
        let (id, secret) = made(&house).await;
        let token_before = token(&house, &id, &secret).await.unwrap();
        let sid = claims_of(&house, &anonymous(), &token_before.access_token).await.unwrap()["sid"].clone();
        delete(&house, &admin(), &id).await.unwrap();
        assert_eq!(token(&house, &id, &secret).await.unwrap_err().code, Code::InvalidCredentials);
        assert!(claims_of(&house, &anonymous(), &token_before.access_token).await.is_none());
        assert!(!house.is_live(sid.as_str().unwrap()).await);
        let request = denizen_rpc::auth::internal::v1::WatchRevocationsRequest::default();
        let mut feed = house.sessions(Role::Gateway).watch_revocations(request).await.unwrap().into_inner();
        let snapshot = feed.message().await.unwrap().unwrap();
        assert!(snapshot.items.iter().any(|item| sid == item.session_id), "gateways learn of it");
        assert_eq!(delete(&house, &admin(), &id).await.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test]
async fn a_new_secret_ends_the_old_one_at_once_or_after_the_overlap() {
    for place in places() {
        let house = House::new(place).await;
        let (id, first) = made(&house).await;
        let of_first = token(&house, &id, &first).await.unwrap();
        let second = rotate(&house, &id, 0).await.unwrap();
        assert_eq!(second.account.unwrap().secrets.len(), 1);
        assert!(token(&house, &id, &first).await.is_err());
        assert!(claims_of(&house, &anonymous(), &of_first.access_token).await.is_none());
        let of_second = token(&house, &id, &second.client_secret).await.unwrap();

        let third = rotate(&house, &id, 600).await.unwrap();
        assert_eq!(third.account.unwrap().secrets.len(), 2);
        assert!(claims_of(&house, &anonymous(), &of_second.access_token).await.is_some());
        assert_eq!(token(&house, &id, &second.client_secret).await.unwrap().expires_in, 600, "as its secret");
        assert!(token(&house, &id, &third.client_secret).await.is_ok());
        house.clock.advance(Duration::from_secs(600));
        assert_eq!(
            token(&house, &id, &second.client_secret).await.unwrap_err().code,
            Code::InvalidCredentials
        );
        assert!(token(&house, &id, &third.client_secret).await.is_ok());

        for overlap in [-1, 604_801, i64::MAX] {
            assert_eq!(rotate(&house, &id, overlap).await.unwrap_err().code, Code::ValidationFailed);
        }
        let fourth = rotate(&house, &id, 604_800).await.unwrap();
        let fifth = rotate(&house, &id, 604_800).await.unwrap();
        assert_eq!(fifth.account.unwrap().secrets.len(), 2, "never more than two");
        assert!(token(&house, &id, &third.client_secret).await.is_err());
        assert!(token(&house, &id, &fourth.client_secret).await.is_ok());
    }
}

#[tokio::test]
async fn wrong_secrets_are_counted_and_unknown_clients_are_answered_alike() {
    for place in places() {
        let house = House::new(place).await;
        let (id, secret) = made(&house).await;
        let other = format!("dzs_{}", "A".repeat(43));
        for (client, guess) in [(id.as_str(), other.as_str()), (NOBODY, &other), ("shop", "x"), (&id, "x")] {
            let problem = token(&house, client, guess).await.unwrap_err();
            assert_eq!(problem.code, Code::InvalidCredentials, "{client} {guess}");
            assert_eq!(problem.detail, "client id and secret do not match a service account");
        }
        assert_eq!(token(&house, &id, "").await.unwrap_err().code, Code::ValidationFailed);
        for _ in 0..3 {
            assert_eq!(token(&house, &id, &other).await.unwrap_err().code, Code::InvalidCredentials);
        }
        let waits = token(&house, &id, &secret).await.unwrap_err();
        assert_eq!((waits.code, waits.retry_after.unwrap().as_secs()), (Code::TooManyAttempts, 1));
        house.clock.advance(Duration::from_secs(1));
        assert!(token(&house, &id, &secret).await.is_ok());
        assert_eq!(token(&house, &id, &other).await.unwrap_err().code, Code::InvalidCredentials, "anew");

        let failed = house.events().await.into_iter().filter(|(kind, _)| kind == "auth.login_failed");
        let methods: Vec<_> = failed.map(|(_, data)| data["method"].clone()).collect();
        assert_eq!(methods, vec!["client"; 8]);
    }
}

#[tokio::test]
async fn the_list_goes_page_by_page() {
    for place in places() {
        let house = House::new(place).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            house.clock.advance(Duration::from_secs(1));
            ids.push(create(&house, &admin(), name, &[]).await.unwrap().account.unwrap().id);
        }
        let list = async |limit, cursor: &str| {
            let request = p::ListServiceAccountsRequest { limit, cursor: cursor.to_owned() };
            let answer = house.service_accounts(&admin()).list_service_accounts(request).await;
            answer.map_err(problem_from).map(tonic::Response::into_inner)
        };
        let first = list(2, "").await.unwrap();
        let second = list(2, &first.next_cursor).await.unwrap();
        let shown: Vec<_> = first.accounts.iter().chain(&second.accounts).collect();
        assert_eq!(shown.iter().map(|account| &account.id).collect::<Vec<_>>(), [&ids[2], &ids[1], &ids[0]]);
        assert!(shown.iter().all(|account| account.secrets.len() == 1));
        assert_eq!(second.next_cursor, "");
        assert_eq!(list(2, "x").await.unwrap_err().code, Code::MalformedRequest);
    }
}
