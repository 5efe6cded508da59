//! What counts as a fresh proof of a session that was opened by two factors.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::{Caller, Person};
use denizen_kit::problem::Code;
use denizen_kit::time::{Timestamp, before};
use denizen_rpc::users::v1 as wire;

use crate::peers::PASSWORD;
use crate::support::{House, done, everywhere, refusal};

/// The owner by a session that was opened by two factors.
fn by_two_factors(user: &wire::User, auth_time: Timestamp) -> Caller {
    let caller = House::owner_since(user, auth_time);
    let amr = ["pwd", "otp", "mfa"].map(str::to_owned).to_vec();
    let person = Person { amr, ..Person::clone(caller.person.as_deref().unwrap()) };
    Caller { person: Some(Arc::new(person)), ..caller }
}

#[tokio::test]
async fn the_password_alone_is_not_enough() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let (now, long_ago) = (house.clock.now(), before(house.clock.now(), Duration::from_secs(3600)));
        let change = wire::ChangeEmailRequest {
            user_id: ada.id.clone(),
            email: "new@example.test".into(),
            password: Some(PASSWORD.into()),
            if_version: None,
        };
        let stale = by_two_factors(&ada, long_ago);
        assert_eq!(refusal(house.users(&stale).change_email(change.clone()).await).0, Code::StepUpRequired);
        let fresh = by_two_factors(&ada, now);
        let wrong = wire::ChangeEmailRequest { password: Some("wrong".into()), ..change.clone() };
        assert_eq!(refusal(house.users(&fresh).change_email(wrong).await).1, "/password");
        done(house.users(&fresh).change_email(change.clone()).await);
        let one_factor = House::owner_since(&ada, long_ago);
        done(house.users(&one_factor).change_email(change).await);
    })
    .await;
}

#[tokio::test]
async fn a_number_given_at_registration_is_proved_by_its_code() {
    everywhere(async |house: &House| {
        let form =
            wire::RegisterRequest { mobile: Some("+4915112345678".into()), ..crate::support::account("ada") };
        let ada = done(house.users(&crate::support::anonymous()).register(form).await);
        assert_eq!(house.events_of("user.created").await[0]["verify_mobile"], true);
        house.world.send_to_mobile("123456", &ada.id, "+4915112345678");
        let proof = wire::ConfirmMobileRequest { user_id: ada.id.clone(), code: "123456".into() };
        let proved = done(house.users(&house.owner(&ada)).confirm_mobile(proof).await);
        assert!(proved.mobile_verified);
        assert_eq!(house.events_of("user.mobile_verified").await.len(), 1);
        assert!(house.events_of("user.mobile_changed").await.is_empty());
    })
    .await;
}
