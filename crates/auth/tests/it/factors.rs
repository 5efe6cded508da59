//! The second factor: set up and taken away.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::{Caller, Permission, Person};
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::otp::v1::{Channel, Purpose};
use denizen_rpc::problem_from;

use crate::peers::PASSWORD;
use crate::support::{House, owner, person, person_with, places};
use crate::validate::claims_of;

/// The code of everybody here.
pub(crate) const CODE: &str = "123456";

/// The same caller, who proved themselves just now.
pub(crate) fn fresh(house: &House, caller: &Caller) -> Caller {
    let known = caller.person.as_deref().unwrap();
    let person = Person { auth_time: house.clock.now(), ..known.clone() };
    Caller { person: Some(Arc::new(person)), ..caller.clone() }
}

fn put(user_id: UserId, password: Option<&str>) -> p::PutFactorRequest {
    let password = password.map(str::to_owned);
    p::PutFactorRequest { user_id: user_id.to_string(), channel: Channel::Email.into(), password }
}

/// The ids of the codes that were due so far, with the reason.
pub(crate) async fn codes_due(house: &House) -> Vec<(String, String)> {
    let events = house.events().await.into_iter().filter(|(kind, _)| kind == "second_factor.code_due");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    events.map(|(_, data)| (text(&data["otp_id"]), text(&data["reason"]))).collect()
}

/// Makes the code good that was due last.
pub(crate) async fn deliver(house: &House, user_id: UserId) -> String {
    let (otp_id, _) = codes_due(house).await.pop().expect("a code is due");
    house.world.send_code(Purpose::SecondFactor, &otp_id, CODE, user_id);
    otp_id
}

async fn confirm(
    house: &House,
    caller: &Caller,
    user_id: UserId,
    code: &str,
) -> Result<Vec<String>, Problem> {
    let request = p::ConfirmFactorRequest { user_id: user_id.to_string(), code: code.to_owned() };
    Ok(house.factors(caller).confirm_factor(request).await.map_err(problem_from)?.into_inner().codes)
}

/// Puts a second factor by e-mail into force; the recovery codes.
async fn enable(house: &House, caller: &Caller, user_id: UserId) -> Vec<String> {
    house.factors(caller).put_factor(put(user_id, Some(PASSWORD))).await.unwrap();
    deliver(house, user_id).await;
    confirm(house, caller, user_id, CODE).await.unwrap()
}

/// A person with a second factor, and their recovery codes.
pub(crate) async fn ada(house: &House) -> (UserId, Caller, Vec<String>) {
    let ada = house.world.add("ada");
    let caller = owner(ada, &house.log_in("ada").await);
    let codes = enable(house, &caller, ada).await;
    house.clock.advance(Duration::from_secs(120));
    (ada, caller, codes)
}

#[tokio::test]
async fn a_factor_is_in_force_when_its_code_came_back() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let (other, tokens) = (house.log_in("ada").await, house.log_in("ada").await);
        let caller = owner(ada, &tokens);
        let refused = house.factors(&caller).put_factor(put(ada, None)).await.map_err(problem_from);
        assert_eq!(refused.unwrap_err().code, Code::StepUpRequired);
        let wrong = house.factors(&caller).put_factor(put(ada, Some("wrong"))).await.map_err(problem_from);
        assert_eq!(wrong.unwrap_err().fields[0].pointer, "/password");
        let by_sms = p::PutFactorRequest { channel: Channel::Sms.into(), ..put(ada, Some(PASSWORD)) };
        let nowhere = house.factors(&caller).put_factor(by_sms).await.map_err(problem_from).unwrap_err();
        assert_eq!(
            (nowhere.fields[0].pointer.as_str(), nowhere.fields[0].code.as_str()),
            ("/channel", "no_address")
        );

        let pending = house.factors(&caller).put_factor(put(ada, Some(PASSWORD))).await.unwrap().into_inner();
        assert_eq!(pending.channel(), Channel::Email);
        let again = house.factors(&caller).put_factor(put(ada, Some(PASSWORD))).await.map_err(problem_from);
        let again = again.unwrap_err();
        assert_eq!((again.code, again.retry_after), (Code::RateLimited, Some(Duration::from_secs(60))));
        assert!(house.try_log_in("ada", PASSWORD).await.is_ok(), "not in force yet");

        deliver(&house, ada).await;
        assert_eq!(confirm(&house, &caller, ada, "000000").await.unwrap_err().code, Code::CodeInvalid);
        let codes = confirm(&house, &caller, ada, CODE).await.unwrap();
        assert_eq!((codes.len(), codes[0].len()), (10, 19));
        assert_eq!(confirm(&house, &caller, ada, CODE).await.unwrap_err().code, Code::CodeInvalid, "once");
        assert!(house.is_live(&tokens.session_id).await && !house.is_live(&other.session_id).await);
        let refreshed = house.refresh(&tokens.refresh_token).await.unwrap();
        let claims = claims_of(&house, &caller, &refreshed.access_token).await.unwrap();
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));

        let request = p::GetFactorRequest { user_id: ada.to_string() };
        let factor = house.factors(&caller).get_factor(request).await.unwrap().into_inner();
        assert_eq!(
            (factor.enabled, factor.channel(), factor.recovery_codes_left),
            (true, Channel::Email, 10)
        );
        assert!(house.events().await.iter().any(|(kind, _)| kind == "second_factor.enabled"));
    }
}

#[tokio::test]
async fn it_is_removed_with_a_fresh_proof_and_the_password() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, caller, _) = ada(&house).await;
        let remove = async |caller: &Caller, password: Option<&str>| {
            let password = password.map(str::to_owned);
            let request = p::RemoveFactorRequest { user_id: ada.to_string(), password };
            house.factors(caller).remove_factor(request).await.map(drop).map_err(problem_from)
        };
        let stale = remove(&caller, Some(PASSWORD)).await.unwrap_err();
        assert_eq!(stale.code, Code::StepUpRequired, "the password alone is not enough");
        let fresh = fresh(&house, &caller);
        assert_eq!(remove(&fresh, None).await.unwrap_err().fields[0].pointer, "/password");
        assert_eq!(remove(&fresh, Some("wrong")).await.unwrap_err().fields[0].code, "incorrect");
        remove(&fresh, Some(PASSWORD)).await.unwrap();
        assert_eq!(remove(&fresh, Some(PASSWORD)).await.unwrap_err().code, Code::NotFound);
        house.log_in("ada").await;
        let events = house.events().await;
        let removed = events.iter().find(|(kind, _)| kind == "second_factor.removed").unwrap();
        assert_eq!(removed.1["by_admin"], false);
    }
}

#[tokio::test]
async fn administrators_remove_it_and_never_set_it() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, caller, _) = ada(&house).await;
        let bob = house.world.add("bob");
        let request = p::RemoveFactorRequest { user_id: ada.to_string(), password: None };
        let plain = person(bob, None, &["user"]);
        let writer = person_with(bob, &[Permission::UsersWrite]);
        for stranger in [&plain, &writer] {
            let set =
                house.factors(stranger).put_factor(put(ada, Some(PASSWORD))).await.map_err(problem_from);
            assert_eq!(set.unwrap_err().code, Code::Forbidden);
            let set = confirm(&house, stranger, ada, CODE).await;
            assert_eq!(set.unwrap_err().code, Code::Forbidden);
        }
        let refused = house.factors(&plain).remove_factor(request.clone()).await.map_err(problem_from);
        assert_eq!(refused.unwrap_err().code, Code::Forbidden);

        for role in ["admin", "keeper"] {
            house.world.change(ada, |user| user.roles = vec![role.to_owned()]);
            let above = house.factors(&writer).remove_factor(request.clone()).await.map_err(problem_from);
            assert_eq!(above.unwrap_err().code, Code::Forbidden, "nobody reaches above themselves");
        }
        house.world.change(ada, |user| user.roles = vec!["user".to_owned()]);
        house.factors(&writer).remove_factor(request).await.unwrap();
        let session = caller.person.as_deref().unwrap().session_id.unwrap().to_string();
        assert!(!house.is_live(&session).await, "all sessions end");
        house.log_in("ada").await;
        let events = house.events().await;
        let removed = events.iter().find(|(kind, _)| kind == "second_factor.removed").unwrap();
        assert_eq!(removed.1["by_admin"], true);
        let view = p::GetFactorRequest { user_id: ada.to_string() };
        house.factors(&writer).get_factor(view).await.unwrap();
        assert!(house.events().await.iter().any(|(kind, _)| kind == "second_factor.viewed"));
    }
}
