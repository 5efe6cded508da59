//! Lists: pages, filters, sorts.

use denizen_kit::problem::Code;
use denizen_rpc::decode::to_wire;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::{ListUsersRequest, Sort, Status};
use serde_json::json;
use std::time::Duration;

use crate::support::{House, account, anonymous, done, everywhere, operator, refusal};

const NAMES: [&str; 7] = ["gail", "anna", "emil", "carl", "dora", "bert", "fred"];

/// Seven people, a second apart: `emil` is support, `dora` blocked, `fred` deleted.
async fn people(house: &House) -> Vec<wire::User> {
    let mut users = Vec::new();
    for name in NAMES {
        house.clock.advance(Duration::from_secs(1));
        let roles = if name == "emil" { vec!["support".to_owned()] } else { vec![] };
        let status = if name == "dora" { Status::Blocked } else { Status::Active };
        let account = Some(wire::RegisterRequest { name: name.to_uppercase(), ..account(name) });
        let request = wire::CreateUserRequest { account, roles, status: status.into(), ..Default::default() };
        users.push(done(house.users(&operator()).create_user(request).await));
    }
    let request = wire::DeleteUserRequest { user_id: users[6].id.clone(), ..Default::default() };
    done(house.users(&operator()).delete_user(request).await);
    users
}

/// The user names of all pages of two.
async fn all(house: &House, request: ListUsersRequest) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListUsersRequest { limit: 2, cursor, ..request.clone() };
        let page = done(house.users(&operator()).list_users(request).await);
        assert!(page.users.len() <= 2);
        names.extend(page.users.into_iter().map(|user| user.username.unwrap()));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            return names;
        }
    }
}

fn by(sort: Sort) -> ListUsersRequest {
    ListUsersRequest { sort: sort.into(), ..Default::default() }
}

#[tokio::test]
async fn each_sort_pages_through_all() {
    everywhere(async |house: &House| {
        people(house).await;
        let made = ["gail", "anna", "emil", "carl", "dora", "bert"];
        let mut newest = made;
        newest.reverse();
        let mut sorted = made;
        sorted.sort_unstable();
        assert_eq!(all(house, by(Sort::Unspecified)).await, newest);
        assert_eq!(all(house, by(Sort::CreatedAtDesc)).await, newest);
        assert_eq!(all(house, by(Sort::CreatedAt)).await, made);
        assert_eq!(all(house, by(Sort::Username)).await, sorted);
        assert_eq!(all(house, by(Sort::Name)).await, sorted);
        assert_eq!(all(house, by(Sort::LastLoginAt)).await.len(), 6);
    })
    .await;
}

#[tokio::test]
async fn each_filter_shows_its_own() {
    everywhere(async |house: &House| {
        let users = people(house).await;
        let with = |change: fn(&mut ListUsersRequest)| {
            let mut request = ListUsersRequest::default();
            change(&mut request);
            request
        };
        let table = [
            (with(|it| it.status = Some(Status::Blocked.into())), vec!["dora"]),
            (with(|it| it.status = Some(Status::Deleted.into())), vec!["fred"]),
            (with(|it| it.status = Some(Status::Pending.into())), vec![]),
            (
                with(|it| it.status = Some(Status::Active.into())),
                vec!["bert", "carl", "emil", "anna", "gail"],
            ),
            (with(|it| it.role = Some("support".into())), vec!["emil"]),
            (with(|it| it.role = Some("user".into())), vec!["bert", "dora", "carl", "emil", "anna", "gail"]),
            (with(|it| it.q = Some("AN".into())), vec!["anna"]),
            (with(|it| it.q = Some("%".into())), vec![]),
            (with(|it| it.email = Some("EMIL@example.test".into())), vec!["emil"]),
            (with(|it| it.username = Some("CARL".into())), vec!["carl"]),
            (with(|it| it.username = Some("fred".into())), vec![]),
            (with(|it| it.mobile = Some("+4915112345678".into())), vec![]),
        ];
        for (request, expected) in table {
            assert_eq!(all(house, request.clone()).await, expected, "{request:?}");
            let rising = ListUsersRequest { sort: Sort::CreatedAt.into(), ..request.clone() };
            if request.q.is_none() {
                let mut reversed = expected.clone();
                reversed.reverse();
                assert_eq!(all(house, rising).await, reversed, "{request:?}");
            }
        }
        let at = |index: usize| users[index].created_at;
        for sort in [Sort::CreatedAt, Sort::CreatedAtDesc] {
            let range = ListUsersRequest { created_after: at(0), created_before: at(4), ..by(sort) };
            let mut names = all(house, range).await;
            names.sort_unstable();
            assert_eq!(names, ["anna", "carl", "emil"], "both ends are left out");
        }
        let role = ListUsersRequest { role: Some("user".into()), created_after: at(3), ..Default::default() };
        assert_eq!(all(house, role).await, ["bert", "dora"]);
    })
    .await;
}

#[tokio::test]
async fn totals_and_what_goes_with_what() {
    everywhere(async |house: &House| {
        people(house).await;
        let total = async |request: ListUsersRequest| {
            let request = ListUsersRequest { total: true, ..request };
            done(house.users(&operator()).list_users(request).await).total
        };
        let status = |status: Status| ListUsersRequest { status: Some(status.into()), ..Default::default() };
        assert_eq!(total(ListUsersRequest::default()).await, Some(6));
        assert_eq!(total(status(Status::Blocked)).await, Some(1));
        assert_eq!(total(status(Status::Deleted)).await, Some(1));
        assert_eq!(
            total(ListUsersRequest { role: Some("support".into()), ..Default::default() }).await,
            Some(1)
        );
        assert_eq!(
            total(ListUsersRequest { email: Some("emil@example.test".into()), ..Default::default() }).await,
            Some(1)
        );

        let list =
            async |request: ListUsersRequest| refusal(house.users(&operator()).list_users(request).await);
        let invalid = |pointer: &str| (Code::ValidationFailed, pointer.to_owned());
        let sorted = ListUsersRequest { sort: Sort::Name.into(), ..status(Status::Active) };
        assert_eq!(list(sorted).await, invalid("/sort"));
        let two = ListUsersRequest { role: Some("user".into()), ..status(Status::Active) };
        assert_eq!(list(two).await, invalid("/filter"));
        let now = Some(to_wire(house.clock.now()));
        let ranged = ListUsersRequest { created_after: now, ..by(Sort::Username) };
        assert_eq!(list(ranged).await, invalid("/sort"));
        let counted = ListUsersRequest { q: Some("a".into()), total: true, ..Default::default() };
        assert_eq!(list(counted).await, invalid("/total"));
        assert_eq!(list(ListUsersRequest { limit: 201, ..Default::default() }).await, invalid("/limit"));
        let foreign = ListUsersRequest { cursor: "AAAA".into(), ..Default::default() };
        assert_eq!(list(foreign).await.0, Code::MalformedRequest);
        let first = ListUsersRequest { limit: 1, ..Default::default() };
        let cursor = done(house.users(&operator()).list_users(first).await).next_cursor;
        let moved = ListUsersRequest { cursor, ..by(Sort::Name) };
        assert_eq!(list(moved).await.0, Code::MalformedRequest, "a cursor belongs to its list");
    })
    .await;
}

#[tokio::test]
async fn a_list_needs_the_permission_and_is_noted() {
    everywhere(async |house: &House| {
        let users = people(house).await;
        let request = ListUsersRequest::default;
        assert_eq!(refusal(house.users(&anonymous()).list_users(request()).await).0, Code::Unauthenticated);
        assert_eq!(
            refusal(house.users(&house.owner(&users[0])).list_users(request()).await).0,
            Code::Forbidden
        );
        assert!(house.events_of("user.viewed").await.is_empty());
        done(house.users(&house.owner(&users[2])).list_users(request()).await);
        assert_eq!(house.events_of("user.viewed").await, [json!({ "count": 6 })]);
    })
    .await;
}
