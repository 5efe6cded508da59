//! Looking at a profile and changing it.

use std::time::Duration;

use denizen_kit::problem::Code;
use denizen_kit::time::before;
use denizen_rpc::users::v1 as wire;
use serde_json::json;

use crate::peers::PASSWORD;
use crate::support::{House, account, anonymous, done, everywhere, nobody, operator, refusal};

fn get(id: &str) -> wire::GetUserRequest {
    wire::GetUserRequest { user_id: id.to_owned() }
}

fn update(user: &wire::User) -> wire::UpdateUserRequest {
    wire::UpdateUserRequest { user_id: user.id.clone(), ..Default::default() }
}

#[tokio::test]
async fn who_may_see_whom_and_that_it_is_noted() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let eve = house.register("eve").await;
        let support = house.with_roles("helper", &["support"]).await;
        done(house.users(&house.owner(&ada)).get_user(get(&ada.id)).await);
        assert_eq!(refusal(house.users(&anonymous()).get_user(get(&ada.id)).await).0, Code::Unauthenticated);
        let eve = house.owner(&eve);
        for id in [ada.id.as_str(), &nobody()] {
            assert_eq!(
                refusal(house.users(&eve).get_user(get(id)).await).0,
                Code::Forbidden,
                "before any look"
            );
        }
        assert!(house.events_of("user.viewed").await.is_empty(), "one's own view is nobody's business");
        let seen = done(house.users(&house.owner(&support)).get_user(get(&ada.id)).await);
        assert!(seen.push_tokens.is_empty());
        assert_eq!(
            refusal(house.users(&house.owner(&support)).get_user(get(&nobody())).await).0,
            Code::NotFound
        );
        assert_eq!(refusal(house.users(&house.owner(&support)).get_user(get("x")).await).0, Code::NotFound);
        let viewed: Vec<_> =
            house.events().await.into_iter().filter(|(kind, ..)| kind == "user.viewed").collect();
        assert_eq!(viewed, [("user.viewed".to_owned(), ada.id, json!({ "count": 1 }))]);
    })
    .await;
}

#[tokio::test]
async fn a_change_touches_what_it_names() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let change = wire::UpdateUserRequest {
            name: Some("Countess".into()),
            metadata: Some(r#"{"a":{"b":1},"c":2}"#.into()),
            preferences: Some(wire::PreferencesPatch { sms: Some(false), ..Default::default() }),
            if_version: Some(1),
            ..update(&ada)
        };
        let changed = done(house.users(&me).update_user(change.clone()).await);
        assert_eq!((changed.version, changed.name.as_str()), (2, "Countess"));
        let preferences = changed.preferences.unwrap();
        assert!(preferences.email && !preferences.sms);
        assert_eq!(refusal(house.users(&me).update_user(change).await).0, Code::StaleVersion);

        let patch = wire::UpdateUserRequest { metadata: Some(r#"{"a":null}"#.into()), ..update(&ada) };
        assert_eq!(done(house.users(&me).update_user(patch).await).metadata, r#"{"c":2}"#);
        let whole = wire::UpdateUserRequest { metadata: Some("{}".into()), replace: true, ..update(&ada) };
        assert_eq!(done(house.users(&me).update_user(whole.clone()).await).metadata, "{}");
        let same = done(house.users(&me).update_user(whole).await);
        assert_eq!(same.version, 4, "what changes nothing makes no version");
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(20), "]".repeat(20));
        let deep = wire::UpdateUserRequest { metadata: Some(deep), ..update(&ada) };
        assert_eq!(
            refusal(house.users(&me).update_user(deep).await),
            (Code::ValidationFailed, "/metadata".into())
        );
        let fields: Vec<_> = house.events_of("user.updated").await;
        assert_eq!(fields[0], json!({ "fields": ["name", "preferences", "metadata"] }));
    })
    .await;
}

#[tokio::test]
async fn metadata_cannot_grow_beyond_its_bound_by_patches() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let patch = |key: &str| {
            let metadata = Some(format!("{{\"{key}\":\"{}\"}}", "x".repeat(9_000)));
            wire::UpdateUserRequest { metadata, ..update(&ada) }
        };
        done(house.users(&me).update_user(patch("a")).await);
        let refused = refusal(house.users(&me).update_user(patch("b")).await);
        assert_eq!(refused, (Code::ValidationFailed, "/metadata".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_user_name_is_taken_given_and_taken_away() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let eve = house.register("eve").await;
        let change = |user: &wire::User, username: &str| wire::ChangeUsernameRequest {
            user_id: user.id.clone(),
            username: username.to_owned(),
            if_version: None,
        };
        let taken = refusal(house.users(&house.owner(&eve)).change_username(change(&eve, "ADA")).await);
        assert_eq!(taken, (Code::UsernameTaken, "/username".to_owned()));
        let reserved = refusal(house.users(&house.owner(&eve)).change_username(change(&eve, "root")).await);
        assert_eq!(reserved, (Code::ValidationFailed, "/username".to_owned()));
        let refused = refusal(house.users(&house.owner(&eve)).change_username(change(&ada, "x-ada")).await);
        assert_eq!(refused.0, Code::Forbidden);

        let away = wire::UpdateUserRequest { remove_username: true, ..update(&ada) };
        assert_eq!(done(house.users(&house.owner(&ada)).update_user(away.clone()).await).username, None);
        assert_eq!(done(house.users(&house.owner(&ada)).update_user(away).await).version, 2);
        done(house.users(&house.owner(&eve)).change_username(change(&eve, "ada")).await);
        let both =
            wire::UpdateUserRequest { remove_username: true, username: Some("ada2".into()), ..update(&ada) };
        let both = refusal(house.users(&house.owner(&ada)).update_user(both).await);
        assert_eq!(both, (Code::ValidationFailed, "/username".to_owned()));
        let told = house.events_of("user.username_changed").await;
        assert_eq!(told, [json!({ "removed": true }), json!({ "removed": false })]);
    })
    .await;
}

#[tokio::test]
async fn a_mobile_number_goes_only_after_a_fresh_proof_and_the_old_one_is_known() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest { mobile: Some("+4915112345678".into()), ..account("ada") };
        let ada = done(house.users(&anonymous()).register(wanted).await);
        let long_ago = before(house.clock.now(), Duration::from_secs(3600));
        let stale = House::owner_since(&ada, long_ago);
        let away = wire::UpdateUserRequest { remove_mobile: true, ..update(&ada) };
        assert_eq!(refusal(house.users(&stale).update_user(away.clone()).await).0, Code::StepUpRequired);
        let wrong = wire::UpdateUserRequest { password: Some("wrong".into()), ..away.clone() };
        let wrong = refusal(house.users(&stale).update_user(wrong).await);
        assert_eq!(wrong, (Code::ValidationFailed, "/password".to_owned()));
        let proved = wire::UpdateUserRequest { password: Some(PASSWORD.into()), ..away.clone() };
        let gone = done(house.users(&stale).update_user(proved).await);
        assert_eq!((gone.mobile, gone.mobile_verified), (None, false));
        let again = done(house.users(&stale).update_user(away).await);
        assert_eq!(again.version, gone.version, "what is not there needs no proof to go");
        let told = house.events_of("user.mobile_changed").await;
        assert_eq!((told.len(), &told[0]["removed"]), (1, &json!(true)));
        let sealed = told[0]["old_mobile_sealed"].as_str().unwrap();
        assert!(!sealed.is_empty() && !sealed.contains("151"));
    })
    .await;
}

#[tokio::test]
async fn an_administrator_changes_another_at_once() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let admin = house.with_roles("root1", &["admin"]).await;
        let support = house.with_roles("helper", &["support"]).await;
        let change = wire::UpdateUserRequest {
            email: Some("countess@example.test".into()),
            mobile: Some("+4915112345678".into()),
            ..update(&ada)
        };
        let refused = refusal(house.users(&house.owner(&support)).update_user(change.clone()).await);
        assert_eq!(refused.0, Code::Forbidden);
        let changed = done(house.users(&house.owner(&admin)).update_user(change).await);
        assert_eq!(
            (changed.email.as_deref(), changed.email_verified),
            (Some("countess@example.test"), false)
        );
        assert_eq!((changed.mobile.as_deref(), changed.pending_mobile), (Some("+4915112345678"), None));
        let told = house.events_of("user.email_changed").await;
        assert_eq!(told[0]["verify_email"], true);
        assert!(told[0]["old_email_sealed"].as_str().is_some_and(|sealed| !sealed.contains("ada")));
        let unknown = wire::UpdateUserRequest { user_id: nobody(), ..update(&ada) };
        assert_eq!(refusal(house.users(&operator()).update_user(unknown).await).0, Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_retry_under_the_same_key_asks_for_no_second_proof() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let stale = House::owner_since(&ada, before(house.clock.now(), Duration::from_secs(3600)));
        let change = wire::UpdateUserRequest {
            email: Some("new@example.test".into()),
            password: Some(PASSWORD.into()),
            ..update(&ada)
        };
        house.world.asked(&[]);
        let first = done(house.users_once(&stale, "k", "a").update_user(change.clone()).await);
        let again = done(house.users_once(&stale, "k", "a").update_user(change.clone()).await);
        assert_eq!(first, again);
        assert_eq!(house.world.asked(&[]).len(), 1, "the password was checked once");
        let other = refusal(house.users_once(&stale, "k", "b").update_user(change).await);
        assert_eq!(other.0, Code::IdempotencyKeyReused);
        assert_eq!(house.events_of("user.email_change_requested").await.len(), 1);
    })
    .await;
}
