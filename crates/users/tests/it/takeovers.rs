//! Who holds a mailbox and who registered it may be two: what a proof takes away, and what it may not move.

use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_rpc::users::internal::v1::ProveMailboxRequest;
use denizen_rpc::users::v1 as wire;
use serde_json::json;

use crate::addresses::{by_code, by_link, change, taken_away};
use crate::support::{House, account, anonymous, done, everywhere, operator, refusal};

#[tokio::test]
async fn a_proved_address_is_left_within_the_accounts_own_session_only() {
    everywhere(async |house: &House| {
        let (ada, eve) = (house.register("ada").await, house.register("eve").await);
        house.world.send_to_email("first", &ada.id, "ada@example.test");
        done(house.users(&anonymous()).confirm_email(by_link("first")).await);
        done(house.users(&house.owner(&ada)).change_email(change(&ada, "typo@example.test")).await);
        house.world.asked(&[]);

        // Whoever reads the mail of a mistyped address.
        house.world.send_to_email("link", &ada.id, "typo@example.test");
        for (caller, code) in [(anonymous(), Code::Unauthenticated), (house.owner(&eve), Code::Forbidden)] {
            assert_eq!(refusal(house.users(&caller).confirm_email(by_link("link")).await).0, code);
        }
        let take_over = wire::ConfirmEmailRequest { take_over: true, ..by_link("link") };
        let refused = refusal(house.users(&anonymous()).confirm_email(take_over).await);
        assert_eq!(refused, (Code::ValidationFailed, "/take_over".to_owned()));
        assert!(taken_away(house).is_empty());
        let still = house.get(&ada.id).await;
        assert_eq!((still.email.as_deref(), still.email_verified), (Some("ada@example.test"), true));

        done(house.users(&house.owner(&ada)).confirm_email(by_link("link")).await);
        assert!(taken_away(house).is_empty(), "the link was not used up");
        assert_eq!(house.get(&ada.id).await.email.as_deref(), Some("typo@example.test"));
    })
    .await;
}

#[tokio::test]
async fn who_holds_the_mailbox_takes_the_account_over() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest {
            mobile: Some("+4915112345678".into()),
            push_token: Some("of the attacker".into()),
            ..account("ada")
        };
        let ada = done(house.users(&anonymous()).register(wanted).await);
        done(house.users(&house.owner(&ada)).change_email(change(&ada, "mallory@example.test")).await);
        house.world.asked(&[]);
        house.world.send_to_email("link", &ada.id, "ada@example.test");
        let take_over = wire::ConfirmEmailRequest { take_over: true, ..by_link("link") };
        let mine = done(house.users(&anonymous()).confirm_email(take_over).await);
        assert!(mine.email_verified);
        assert_eq!((mine.mobile, mine.pending_email), (None, None), "no way back in");
        assert_eq!(
            taken_away(house),
            [format!("drop {}", ada.id), format!("end {} taken_over and forget", ada.id)],
            "the password first: no login can follow the end of the sessions"
        );
        let me = wire::GetUserRequest { user_id: ada.id.clone() };
        assert!(done(house.users(&house.owner(&ada)).get_user(me).await).push_tokens.is_empty());
        assert_eq!(house.events_of("user.taken_over").await, [json!({})]);
        let by_code = wire::ConfirmEmailRequest { take_over: true, ..by_code(&ada, "1") };
        let refused = refusal(house.users(&house.owner(&ada)).confirm_email(by_code).await);
        assert_eq!(refused, (Code::ValidationFailed, "/take_over".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn who_resets_by_mail_takes_over_what_nobody_had_proved() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest {
            mobile: Some("+4915112345678".into()),
            push_token: Some("of the attacker".into()),
            ..account("ada")
        };
        let ada = done(house.users(&anonymous()).register(wanted).await);
        let prove = |service| {
            let mut directory = house.directory(service);
            let request = ProveMailboxRequest { user_id: ada.id.clone() };
            async move { directory.prove_mailbox(request).await }
        };
        for service in [Role::Gateway, Role::Auth] {
            assert_eq!(refusal(prove(service).await).0, Code::Forbidden, "{service}");
        }
        done(prove(Role::Password).await);
        let mine = house.get(&ada.id).await;
        assert_eq!((mine.email_verified, mine.mobile), (true, None), "no way back in");
        let me = wire::GetUserRequest { user_id: ada.id.clone() };
        assert!(done(house.users(&house.owner(&ada)).get_user(me).await).push_tokens.is_empty());

        let mobile = wire::ChangeMobileRequest {
            user_id: ada.id.clone(),
            mobile: "+4915112345678".into(),
            password: None,
            if_version: None,
        };
        done(house.users(&operator()).change_mobile(mobile).await);
        done(prove(Role::Password).await);
        assert!(house.get(&ada.id).await.mobile.is_some(), "whose address is proved keeps what they have");
        assert_eq!(house.events_of("user.taken_over").await.len(), 1);
    })
    .await;
}
