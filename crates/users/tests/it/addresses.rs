//! Changing and proving addresses, and who is thrown out by a proof.

use denizen_kit::problem::Code;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::confirm_email_request::Proof;

use crate::support::{House, account, anonymous, done, everywhere, refusal};

pub(crate) fn change(user: &wire::User, email: &str) -> wire::ChangeEmailRequest {
    let (user_id, email) = (user.id.clone(), email.to_owned());
    wire::ChangeEmailRequest { user_id, email, password: None, if_version: None }
}

pub(crate) fn by_code(user: &wire::User, code: &str) -> wire::ConfirmEmailRequest {
    let proof = Some(Proof::Code(code.to_owned()));
    wire::ConfirmEmailRequest { user_id: Some(user.id.clone()), proof, take_over: false }
}

pub(crate) fn by_link(token: &str) -> wire::ConfirmEmailRequest {
    wire::ConfirmEmailRequest { user_id: None, proof: Some(Proof::Token(token.to_owned())), take_over: false }
}

/// What auth and password were asked, in words.
pub(crate) fn taken_away(house: &House) -> Vec<String> {
    house
        .world
        .asked(&["consume", "look", "put"])
        .into_iter()
        .map(|(word, id)| format!("{word} {id}"))
        .collect()
}

#[tokio::test]
async fn a_new_address_counts_when_it_is_proved() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let pending =
            done(house.users(&me).change_email(change(&ada, "new@example.test")).await).user.unwrap();
        assert_eq!(
            (pending.email.as_deref(), pending.pending_email.as_deref()),
            (Some("ada@example.test"), Some("new@example.test"))
        );
        assert_eq!(
            refusal(house.users(&me).confirm_email(by_code(&ada, "000000")).await).0,
            Code::CodeInvalid
        );
        house.world.send_to_email("111111", &ada.id, "old@example.test");
        let other = refusal(house.users(&me).confirm_email(by_code(&ada, "111111")).await);
        assert_eq!(other.0, Code::CodeInvalid, "a code for one address proves no other");
        house.world.send_to_email("123456", &ada.id, "new@example.test");
        let proved = done(house.users(&me).confirm_email(by_code(&ada, "123456")).await);
        assert_eq!(
            (proved.email.as_deref(), proved.email_verified, proved.pending_email),
            (Some("new@example.test"), true, None)
        );
        assert!(taken_away(house).is_empty(), "who types the code in their session keeps it");
        let told = house.events_of("user.email_changed").await;
        assert!(told[0]["old_email_sealed"].is_string());
        let eve = house.register("eve").await;
        let taken =
            refusal(house.users(&house.owner(&eve)).change_email(change(&eve, "NEW@example.test")).await);
        assert_eq!(taken.0, Code::EmailTaken);
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_sessions_unless_it_comes_with_the_accounts_own() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let eve = house.register("eve").await;
        let end = vec![format!("end {} address_proved", ada.id)];
        house.world.asked(&[]);

        house.world.send_to_email("first", &ada.id, "ada@example.test");
        assert!(done(house.users(&anonymous()).confirm_email(by_link("first")).await).email_verified);
        assert_eq!(taken_away(house), end);
        assert_eq!(
            refusal(house.users(&anonymous()).confirm_email(by_link("first")).await).0,
            Code::TokenInvalid
        );

        house.world.send_to_email("again", &ada.id, "ada@example.test");
        done(house.users(&anonymous()).confirm_email(by_link("again")).await);
        assert!(taken_away(house).is_empty(), "what was proved before proves nothing new");

        done(house.users(&house.owner(&eve)).change_email(change(&eve, "eva@example.test")).await);
        house.world.send_to_email("moved", &eve.id, "eva@example.test");
        done(house.users(&house.owner(&ada)).confirm_email(by_link("moved")).await);
        assert_eq!(taken_away(house), [format!("end {} address_proved", eve.id)], "nobody's address yet");
        assert_eq!(house.get(&eve.id).await.email.as_deref(), Some("eva@example.test"));
    })
    .await;
}

#[tokio::test]
async fn of_an_account_that_is_named_only_its_owner_brings_a_link() {
    everywhere(async |house: &House| {
        let (ada, eve) = (house.register("ada").await, house.register("eve").await);
        house.world.send_to_email("link", &ada.id, "ada@example.test");
        let of = |user: &wire::User| wire::ConfirmEmailRequest {
            user_id: Some(user.id.clone()),
            ..by_link("link")
        };
        for (caller, code) in [(anonymous(), Code::Unauthenticated), (house.owner(&eve), Code::Forbidden)] {
            assert_eq!(refusal(house.users(&caller).confirm_email(of(&ada)).await).0, code);
        }
        let other = refusal(house.users(&house.owner(&eve)).confirm_email(of(&eve)).await);
        assert_eq!(other.0, Code::TokenInvalid, "it is of another account");
        assert!(!house.get(&ada.id).await.email_verified);
        let proved = done(house.users(&house.owner(&ada)).confirm_email(of(&ada)).await);
        assert!(proved.email_verified, "nobody else has used it up");
    })
    .await;
}

#[tokio::test]
async fn a_link_of_another_time_ends_nothing() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        house.world.asked(&[]);
        house.world.send_to_email("stale", &ada.id, "before@example.test");
        let refused = refusal(house.users(&anonymous()).confirm_email(by_link("stale")).await);
        assert_eq!((refused.0, taken_away(house)), (Code::TokenInvalid, vec![]));
        assert!(!house.get(&ada.id).await.email_verified);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_granted_when_sessions_cannot_be_ended() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        *house.world.endings_left.lock().unwrap() = Some(0);
        house.world.send_to_email("link", &ada.id, "ada@example.test");
        let refused = refusal(house.users(&anonymous()).confirm_email(by_link("link")).await);
        assert_eq!(refused.0, Code::Unavailable);
        assert!(!house.get(&ada.id).await.email_verified);
    })
    .await;
}

#[tokio::test]
async fn a_proof_is_answered_again_under_its_key() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        house.world.send_to_email("link", &ada.id, "ada@example.test");
        let confirm = async || house.users_once(&anonymous(), "k", "a").confirm_email(by_link("link")).await;
        assert_eq!(done(confirm().await), done(confirm().await));

        let me = house.owner(&ada);
        let mobile = wire::ChangeMobileRequest {
            user_id: ada.id.clone(),
            mobile: "+4915112345678".into(),
            password: None,
            if_version: None,
        };
        done(house.users(&me).change_mobile(mobile).await);
        house.world.send_to_mobile("123456", &ada.id, "+4915112345678");
        let request = wire::ConfirmMobileRequest { user_id: ada.id.clone(), code: "123456".into() };
        let confirm = async || house.users_once(&me, "k", "b").confirm_mobile(request.clone()).await;
        let first = done(confirm().await);
        assert_eq!((first.mobile_verified, first.mobile.as_deref()), (true, Some("+4915112345678")));
        assert_eq!(first, done(confirm().await));
        assert_eq!(
            refusal(house.users(&me).confirm_mobile(request).await).0,
            Code::CodeInvalid,
            "without the key"
        );
        assert_eq!(house.events_of("user.mobile_changed").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_number_tells_the_one_before() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest { mobile: Some("+4915112345678".into()), ..account("ada") };
        let ada = done(house.users(&anonymous()).register(wanted).await);
        let me = house.owner(&ada);
        for (mobile, told) in [("+4915112345678", false), ("+4915187654321", true)] {
            let request = wire::ChangeMobileRequest {
                user_id: ada.id.clone(),
                mobile: mobile.to_owned(),
                password: None,
                if_version: None,
            };
            done(house.users(&me).change_mobile(request).await);
            house.world.send_to_mobile(mobile, &ada.id, mobile);
            let confirm = wire::ConfirmMobileRequest { user_id: ada.id.clone(), code: mobile.to_owned() };
            assert_eq!(done(house.users(&me).confirm_mobile(confirm).await).mobile.as_deref(), Some(mobile));
            let changed = house.events_of("user.mobile_changed").await;
            assert_eq!(changed.iter().any(|data| data["old_mobile_sealed"].is_string()), told, "{mobile}");
            assert_eq!(
                house.events_of("user.mobile_verified").await.len(),
                1,
                "the one given at registration"
            );
        }
        let eve = house.register("eve").await;
        let taken = wire::ChangeMobileRequest {
            user_id: eve.id.clone(),
            mobile: "+4915187654321".into(),
            password: None,
            if_version: None,
        };
        assert_eq!(refusal(house.users(&house.owner(&eve)).change_mobile(taken).await).0, Code::MobileTaken);
    })
    .await;
}

#[tokio::test]
async fn verification_is_sent_again_five_times_an_hour_and_spent_on_nothing_else() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let request = || wire::SendVerificationRequest { user_id: ada.id.clone() };
        let eve = house.register("eve").await;
        for _ in 0..6 {
            let other = refusal(house.users(&house.owner(&eve)).send_verification(request()).await);
            assert_eq!(other.0, Code::Forbidden, "and it costs ada nothing");
        }
        for _ in 0..6 {
            done(house.users_once(&me, "k", "a").send_verification(request()).await);
        }
        for _ in 0..4 {
            done(house.users(&me).send_verification(request()).await);
        }
        assert_eq!(refusal(house.users(&me).send_verification(request()).await).0, Code::RateLimited);
        assert_eq!(house.events_of("user.email_verification_requested").await.len(), 5);

        let eve_too = house.owner(&eve);
        house.world.send_to_email("link", &eve.id, "eve@example.test");
        done(house.users(&anonymous()).confirm_email(by_link("link")).await);
        for _ in 0..6 {
            let request = wire::SendVerificationRequest { user_id: eve.id.clone() };
            done(house.users(&eve_too).send_verification(request).await);
        }
        assert_eq!(house.events_of("user.email_verification_requested").await.len(), 5, "nothing was due");
    })
    .await;
}
