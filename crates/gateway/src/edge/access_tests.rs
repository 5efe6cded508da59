use denizen_kit::caller::Permission;
use denizen_kit::time::Timestamp;
use denizen_rpc::users::internal::v1::{Loss, RolePermissions};

use super::*;

fn person(roles: &[&str]) -> Person {
    Person {
        user_id: UserId::nil(),
        session_id: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        permissions: Permissions::of_roles(roles),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: vec!["pwd".to_owned()],
    }
}

fn told(roles: &[(&str, Permission)], losses: &[&[&str]]) -> AccessState {
    let role = |(name, permission): &(&str, Permission)| RolePermissions {
        name: (*name).to_owned(),
        permissions: Permissions::of(&[*permission]).bits(),
    };
    let loss = |roles: &&[&str]| Loss {
        user_id: UserId::nil().to_string(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    };
    AccessState {
        changed: true,
        version: 1,
        roles: roles.iter().map(role).collect(),
        losses: losses.iter().map(loss).collect(),
    }
}

#[tokio::test]
async fn a_made_role_allows_what_it_allows_now() {
    let access = Access::new();
    let auditor = person(&["user", "auditor"]);
    assert_eq!(access.narrowed(&auditor), None, "an unknown role allows nothing");
    access.take(told(&[("auditor", Permission::AuditRead)], &[]));
    assert!(access.narrowed(&auditor).unwrap().permissions.has(Permission::AuditRead));
    access.take(AccessState { version: 1, ..AccessState::default() });
    assert!(access.narrowed(&auditor).is_some(), "a heartbeat changes nothing");
    access.take(told(&[], &[]));
    assert_eq!(access.narrowed(&auditor), None);
}

#[tokio::test]
async fn a_lost_role_is_lost_and_one_that_came_back_is_back() {
    let access = Access::new();
    let support = person(&["user", "support"]);
    access.take(told(&[], &[&["user"]]));
    let narrowed = access.narrowed(&support).unwrap();
    assert_eq!((narrowed.roles, narrowed.permissions), (vec!["user".to_owned()], Permissions::NONE));
    access.take(told(&[], &[&["user", "support", "admin"]]));
    assert_eq!(access.narrowed(&support), None, "and what is given counts with the next token");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_what_is_known_counts_for_nothing() {
    let access = Access::new();
    let support = person(&["user", "support"]);
    access.take(AccessState { version: 7, ..told(&[], &[&["user"]]) });
    access.take(AccessState { version: 6, ..told(&[], &[]) });
    assert!(access.narrowed(&support).is_some(), "the loss came after it");
    tokio::time::advance(Duration::from_secs(2)).await;
    access.take(AccessState { version: 6, ..told(&[], &[]) });
    assert_eq!(access.narrowed(&support), None, "a database that was put back");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_when_something_else_is_allowed() {
    let access = Arc::new(Access::new());
    let wait = |roles: &[&str]| {
        let (access, person) = (access.clone(), person(roles));
        tokio::spawn(async move { access.moved(&person).await })
    };
    access.take(told(&[], &[]));
    let (support, plain) = (wait(&["user", "support"]), wait(&["user"]));
    tokio::task::yield_now().await;
    access.take(told(&[("auditor", Permission::AuditRead)], &[]));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!support.is_finished());
    access.take(told(&[], &[&["user"]]));
    tokio::time::timeout(Duration::from_secs(1), support).await.expect("at once").unwrap();
    assert!(!plain.is_finished());
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed() {
    let access = Access::new();
    assert!(!access.is_fresh());
    access.take(AccessState::default());
    assert!(access.is_fresh());
    tokio::time::advance(Duration::from_millis(1_100)).await;
    assert!(!access.is_fresh());
}

#[test]
fn asking_gives_no_role_that_the_token_lacks() {
    let support = person(&["user", "support"]);
    let bits = Permissions::of_role("support").bits();
    let now = |roles: &[&str], permissions| CheckAccessResponse {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        permissions,
    };
    assert_eq!(within(&support, &now(&["user", "support"], bits)), None);
    assert_eq!(within(&support, &now(&["user"], 0)).unwrap().permissions, Permissions::NONE);
    assert_eq!(within(&support, &now(&[], 0)), None);
    assert!(!Access::concerns(&person(&["user"])) && Access::concerns(&support));
}
