//! Blocking, suspending, activating, and how far rights reach.

use std::time::Duration;

use denizen_kit::caller::{Caller, Permission, Permissions, Person};
use denizen_kit::problem::Code;
use denizen_kit::time::after;
use denizen_rpc::decode::to_wire;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::Status;
use serde_json::json;

use crate::place::{Place, places};
use crate::support::{House, anonymous, done, everywhere, nobody, operator, refusal};

fn block(user: &wire::User, reason: &str) -> wire::BlockUserRequest {
    wire::BlockUserRequest { user_id: user.id.clone(), reason: reason.to_owned(), if_version: None }
}

fn unblock(user: &wire::User) -> wire::UnblockUserRequest {
    wire::UnblockUserRequest { user_id: user.id.clone(), if_version: None }
}

fn activate(user: &wire::User) -> wire::ActivateUserRequest {
    wire::ActivateUserRequest { user_id: user.id.clone(), if_version: None }
}

fn suspend(house: &House, user: &wire::User, hours: u64) -> wire::SuspendUserRequest {
    let until = after(house.clock.now(), Duration::from_secs(hours * 3600));
    let (user_id, reason) = (user.id.clone(), "cool down".to_owned());
    wire::SuspendUserRequest { user_id, reason, until: Some(to_wire(until)), if_version: None }
}

fn delete(user: &wire::User) -> wire::DeleteUserRequest {
    wire::DeleteUserRequest { user_id: user.id.clone(), ..Default::default() }
}

/// The words with which sessions were ended.
fn endings(house: &House) -> Vec<String> {
    let asked = house.world.asked(&["put", "consume"]);
    asked.into_iter().map(|(_, text)| text.split_once(' ').unwrap().1.to_owned()).collect()
}

#[tokio::test]
async fn a_block_ends_sessions_and_says_who_why_and_when() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let support = house.with_roles("helper", &["support"]).await;
        let me = house.owner(&support);
        endings(house);
        let blocked = done(house.administration(&me).block_user(block(&ada, "sent spam")).await);
        assert_eq!(
            (blocked.status(), blocked.status_reason.as_deref()),
            (Status::Blocked, Some("sent spam"))
        );
        assert_eq!(
            (blocked.status_by.as_deref(), blocked.status_at.is_some()),
            (Some(support.id.as_str()), true)
        );
        assert_eq!(endings(house), ["account_blocked"; 2]);
        let told = house.events_of("user.blocked").await;
        assert_eq!(
            (&told[0]["from"], &told[0]["to"], &told[0]["roles"]),
            (&json!("active"), &json!("blocked"), &json!(["user"]))
        );
        assert!(told[0]["reason_sealed"].is_string() && !told[0].to_string().contains("spam"));
        let own = done(
            house.users(&house.owner(&ada)).get_user(wire::GetUserRequest { user_id: ada.id.clone() }).await,
        );
        assert_eq!((own.status_reason.as_deref(), own.status_by), (Some("sent spam"), None));

        let lifted = done(house.administration(&me).unblock_user(unblock(&ada)).await);
        assert_eq!((lifted.status(), lifted.status_reason), (Status::Active, None));
        let again = done(house.administration(&me).unblock_user(unblock(&ada)).await);
        assert_eq!(again.version, lifted.version, "asking twice is no error and no change");
        let activated = house.events_of("user.activated").await;
        assert_eq!(activated, [json!({ "from": "blocked", "to": "active", "roles": ["user"] })]);
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let admin = || operator();
        let invalid = |pointer: &str| (Code::ValidationFailed, pointer.to_owned());
        for reason in ["", " ", &"x".repeat(501)] {
            let refused = refusal(house.administration(&admin()).block_user(block(&ada, reason)).await);
            assert_eq!(refused, invalid("/reason"));
        }
        let no_end = wire::SuspendUserRequest { until: None, ..suspend(house, &ada, 1) };
        assert_eq!(refusal(house.administration(&admin()).suspend_user(no_end).await), invalid("/until"));
        let past = suspend(house, &ada, 0);
        assert_eq!(refusal(house.administration(&admin()).suspend_user(past).await), invalid("/until"));
        let stale = wire::BlockUserRequest { if_version: Some(9), ..block(&ada, "x") };
        assert_eq!(refusal(house.administration(&admin()).block_user(stale).await).0, Code::StaleVersion);
        let unknown = wire::BlockUserRequest { user_id: nobody(), ..block(&ada, "x") };
        assert_eq!(
            refusal(house.administration(&admin()).block_user(unknown.clone()).await).0,
            Code::NotFound
        );
        for caller in [anonymous(), house.owner(&ada)] {
            let code = if caller.person.is_none() { Code::Unauthenticated } else { Code::Forbidden };
            let mut client = house.administration(&caller);
            assert_eq!(refusal(client.block_user(unknown.clone()).await).0, code);
            assert_eq!(refusal(client.unblock_user(unblock(&ada)).await).0, code);
            assert_eq!(refusal(client.suspend_user(suspend(house, &ada, 1)).await).0, code);
            assert_eq!(refusal(client.activate_user(activate(&ada)).await).0, code);
        }
        assert!(endings(house).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_suspension_ends_by_itself() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let suspended = done(house.administration(&operator()).suspend_user(suspend(house, &ada, 2)).await);
        assert_eq!((suspended.status(), suspended.status_until.is_some()), (Status::Suspended, true));
        house.clock.advance(Duration::from_secs(7201));
        assert_eq!(house.get(&ada.id).await.status(), Status::Active, "at once");
        denizen_users::start_jobs(&house.app, &house.tasks);
        let noted = async {
            while house.get(&ada.id).await.status_until.is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), noted).await.expect("and it is noted");
        let told = house.events_of("user.activated").await;
        assert_eq!(told, [json!({ "from": "suspended", "to": "active", "roles": ["user"] })]);
        assert_eq!(house.get(&ada.id).await.status_by.as_deref(), Some("service:users"));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_account_comes_back_within_its_time() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let support = house.with_roles("helper", &["support"]).await;
        done(house.users(&operator()).delete_user(delete(&ada)).await);
        let me = house.owner(&support);
        assert_eq!(refusal(house.administration(&me).block_user(block(&ada, "x")).await).0, Code::Conflict);
        assert_eq!(refusal(house.administration(&me).unblock_user(unblock(&ada)).await).0, Code::Conflict);
        assert_eq!(refusal(house.administration(&me).activate_user(activate(&ada)).await).0, Code::Forbidden);
        let back = done(house.administration(&operator()).activate_user(activate(&ada)).await);
        assert_eq!(back.status(), Status::Active);
        let told = house.events_of("user.activated").await;
        assert_eq!(told[0]["from"], "deleted");
        done(house.users(&operator()).delete_user(delete(&ada)).await);
        house.clock.advance(house.app.config.deleted_retention);
        let late = refusal(house.administration(&operator()).activate_user(activate(&ada)).await);
        assert_eq!(late.0, Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_block_of_one_who_waits_for_proof_is_lifted_to_waiting() {
    for place in places() {
        waiting(place).await;
    }
}

async fn waiting(place: Place) {
    let house = House::new(place, |config| config.registration_status = denizen_users::Status::Pending).await;
    let ada = house.register("ada").await;
    assert_eq!(ada.status(), Status::Pending);
    done(house.administration(&operator()).block_user(block(&ada, "x")).await);
    let lifted = done(house.administration(&operator()).unblock_user(unblock(&ada)).await);
    assert_eq!(lifted.status(), Status::Pending);
    let active = done(house.administration(&operator()).activate_user(activate(&ada)).await);
    assert_eq!(active.status(), Status::Active);
}

#[tokio::test]
async fn nobody_acts_above_their_own_rights() {
    everywhere(async |house: &House| {
        let admin = house.with_roles("root1", &["admin"]).await;
        house.with_roles("root2", &["admin"]).await;
        let support = house.with_roles("helper", &["support"]).await;
        let other = house.with_roles("helper2", &["support"]).await;
        let me = house.owner(&support);
        let mut client = house.administration(&me);
        assert_eq!(refusal(client.block_user(block(&admin, "coup")).await).0, Code::Forbidden);
        assert_eq!(refusal(client.suspend_user(suspend(house, &admin, 1)).await).0, Code::Forbidden);
        assert_eq!(refusal(client.activate_user(activate(&admin)).await).0, Code::Forbidden);
        assert!(endings(house).is_empty());
        let writer = with(&me, &[Permission::UsersWrite, Permission::UsersRead]);
        let rename = wire::UpdateUserRequest {
            user_id: admin.id.clone(),
            email: Some("mallory@example.test".into()),
            ..Default::default()
        };
        assert_eq!(refusal(house.users(&writer).update_user(rename).await).0, Code::Forbidden);
        assert_eq!(refusal(house.users(&writer).delete_user(delete(&admin)).await).0, Code::Forbidden);
        assert_eq!(house.events_of("access.refused").await.len(), 5);
        done(client.block_user(block(&other, "an equal")).await);
        done(house.administration(&house.owner(&admin)).block_user(block(&support, "x")).await);
    })
    .await;
}

/// The same caller with these permissions.
fn with(caller: &Caller, permissions: &[Permission]) -> Caller {
    let person = Person::clone(caller.person.as_deref().unwrap());
    let person = Person { permissions: Permissions::of(permissions), ..person };
    Caller { person: Some(std::sync::Arc::new(person)), ..caller.clone() }
}

#[tokio::test]
async fn an_administrator_stays_whatever_is_tried_at_once() {
    everywhere(async |house: &House| {
        let one = house.with_roles("root1", &["admin"]).await;
        let two = house.with_roles("root2", &["admin"]).await;
        let roles =
            |user: &wire::User| wire::SetRolesRequest { user_id: user.id.clone(), ..Default::default() };
        let (mut a, mut b) = (house.administration(&operator()), house.administration(&operator()));
        let (mut c, mut d) = (house.administration(&operator()), house.users(&operator()));
        let outcomes = tokio::join!(
            a.block_user(block(&one, "x")),
            b.suspend_user(suspend(house, &two, 1)),
            c.set_roles(roles(&one)),
            d.delete_user(delete(&two)),
        );
        let is_admin = async |user: &wire::User| {
            let user = house.get(&user.id).await;
            user.status() == Status::Active && user.roles.contains(&"admin".to_owned())
        };
        let left = u8::from(is_admin(&one).await) + u8::from(is_admin(&two).await);
        assert_eq!(left, 1, "{outcomes:?}");
    })
    .await;
}
