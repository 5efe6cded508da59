//! Deleting accounts.

use std::time::Duration;

use denizen_kit::problem::Code;
use denizen_kit::time::before;
use denizen_rpc::users::v1 as wire;
use serde_json::json;

use crate::support::{House, anonymous, done, everywhere, nobody, operator, refusal};

fn delete(user: &wire::User) -> wire::DeleteUserRequest {
    wire::DeleteUserRequest { user_id: user.id.clone(), ..Default::default() }
}

#[tokio::test]
async fn the_owner_deletes_after_a_fresh_proof() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let stale = House::owner_since(&ada, before(house.clock.now(), Duration::from_secs(3600)));
        assert_eq!(refusal(house.users(&stale).delete_user(delete(&ada)).await).0, Code::StepUpRequired);
        let deleted = done(house.users(&house.owner(&ada)).delete_user(delete(&ada)).await);
        assert_eq!(deleted.status(), wire::Status::Deleted);
        let ended = house.world.asked(&["put"]);
        assert_eq!(ended, vec![("end".to_owned(), format!("{} account_deleted", ada.id)); 2]);
        let me = wire::GetUserRequest { user_id: ada.id.clone() };
        assert_eq!(refusal(house.users(&house.owner(&ada)).get_user(me).await).0, Code::NotFound);
        let again = wire::RegisterRequest { username: None, ..crate::support::account("ada") };
        let again = refusal(house.users(&anonymous()).register(again).await);
        assert_eq!(again.0, Code::EmailTaken, "its identifiers stay its own");
    })
    .await;
}

#[tokio::test]
async fn an_administrator_deletes_for_a_reason_that_stays_sealed() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let admin = house.with_roles("root1", &["admin"]).await;
        let caller = house.owner(&admin);
        let long = wire::DeleteUserRequest { reason: Some("x".repeat(501)), ..delete(&ada) };
        let long = refusal(house.users(&caller).delete_user(long).await);
        assert_eq!(long, (Code::ValidationFailed, "/reason".to_owned()));
        let wish = wire::DeleteUserRequest { reason: Some("asked by mail".into()), ..delete(&ada) };
        let once = async || house.users_once(&caller, "k", "a").delete_user(wish.clone()).await;
        let first = done(once().await);
        assert_eq!(first.status_reason.as_deref(), Some("asked by mail"));
        assert_eq!((first.status_by.as_deref(), first.status_at.is_some()), (Some(admin.id.as_str()), true));
        assert_eq!(first, done(once().await), "the same wish again has the same answer");
        assert_eq!(refusal(house.users(&caller).delete_user(wish).await).0, Code::NotFound);
        let told = house.events_of("user.deleted").await;
        assert_eq!(told.len(), 1);
        assert_eq!(
            (&told[0]["from"], &told[0]["to"], &told[0]["roles"]),
            (&json!("active"), &json!("deleted"), &json!(["user"]))
        );
        let sealed = told[0]["reason_sealed"].as_str().unwrap();
        assert!(!told[0].to_string().contains("mail") && !sealed.is_empty());
        let unknown = wire::DeleteUserRequest { user_id: nobody(), ..delete(&ada) };
        assert_eq!(refusal(house.users(&caller).delete_user(unknown).await).0, Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    everywhere(async |house: &House| {
        let one = house.with_roles("root1", &["admin"]).await;
        assert_eq!(
            refusal(house.users(&house.owner(&one)).delete_user(delete(&one)).await).0,
            Code::Conflict
        );
        assert!(house.world.asked(&["put"]).is_empty(), "and keeps their sessions");
        let two = house.with_roles("root2", &["admin"]).await;
        let (first, second) = (house.owner(&one), house.owner(&two));
        let (mut first, mut second) = (house.users(&first), house.users(&second));
        let (a, b) = tokio::join!(first.delete_user(delete(&two)), second.delete_user(delete(&one)));
        let outcomes = [a.is_ok(), b.is_ok()];
        assert_eq!(outcomes.iter().filter(|deleted| **deleted).count(), 1, "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_deleted_is_deleted() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        *house.world.endings_left.lock().unwrap() = Some(0);
        assert_eq!(refusal(house.users(&operator()).delete_user(delete(&ada)).await).0, Code::Unavailable);
        assert_eq!(
            house.get(&ada.id).await.status(),
            wire::Status::Active,
            "sessions end first, or nothing happens"
        );
        *house.world.endings_left.lock().unwrap() = Some(1);
        let deleted = done(house.users(&operator()).delete_user(delete(&ada)).await);
        assert_eq!(deleted.status(), wire::Status::Deleted, "the second ending is left to the event");
        *house.world.endings_left.lock().unwrap() = None;
        let stale = house.register("eve").await;
        let wish = wire::DeleteUserRequest { if_version: Some(7), ..delete(&stale) };
        assert_eq!(refusal(house.users(&operator()).delete_user(wish).await).0, Code::StaleVersion);
    })
    .await;
}
