//! What the other services may ask.

use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_rpc::users::internal::v1 as internal;
use denizen_rpc::users::internal::v1::lookup_request::By;
use denizen_rpc::users::v1 as wire;

use crate::support::{House, account, anonymous, done, everywhere, nobody, refusal};

#[tokio::test]
async fn an_account_is_found_by_all_that_names_it() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest { mobile: Some("+4915112345678".into()), ..account("Ada") };
        let ada = done(house.users(&anonymous()).register(wanted).await);
        let find = async |by: By| {
            let request = internal::LookupRequest { by: Some(by) };
            done(house.directory(Role::Auth).lookup(request).await)
        };
        let identifier = |text: &str| By::Identifier(text.to_owned());
        for by in [
            By::UserId(ada.id.clone()),
            By::Email("ADA@example.test".into()),
            By::Username("ada".into()),
            By::Mobile("+49 151 12345678".into()),
            identifier(" ada@EXAMPLE.test"),
            identifier("ADA"),
            identifier("+49 (151) 12345678"),
        ] {
            let found = find(by.clone()).await.user.map(|user| user.id);
            assert_eq!(found.as_ref(), Some(&ada.id), "{by:?}");
        }
        let same = (find(identifier("ada")).await, find(identifier("ADA ")).await);
        assert_eq!(same.0.identifier_key, same.1.identifier_key, "tries are counted under one name");
        for by in [By::UserId(nobody()), identifier("eve"), identifier("eve@example.test"), identifier("???")]
        {
            assert_eq!(find(by.clone()).await.user, None, "{by:?}");
        }
        assert!(!find(identifier("???")).await.identifier_key.is_empty());
    })
    .await;
}

#[tokio::test]
async fn contact_and_key_of_a_person() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let ask = |user_id: &str| internal::GetContactRequest { user_id: user_id.to_owned() };
        let contact = done(house.directory(Role::Notify).get_contact(ask(&ada.id)).await);
        assert_eq!((contact.found, contact.email.as_str()), (true, "ada@example.test"));
        assert_eq!(contact.preferences.unwrap().locale, "en");
        assert!(!done(house.directory(Role::Notify).get_contact(ask(&nobody())).await).found);

        let user_ids = vec![ada.id.clone(), nobody()];
        let request = internal::DataKeysRequest { user_ids, ..Default::default() };
        let keys = done(house.directory(Role::Audit).data_keys(request).await).keys;
        assert_eq!((keys.len(), keys[0].user_id.as_str(), keys[0].key.len()), (1, ada.id.as_str(), 32));
        let many = internal::DataKeysRequest { user_ids: vec![nobody(); 501], ..Default::default() };
        assert_eq!(refusal(house.directory(Role::Audit).data_keys(many).await).0, Code::MalformedRequest);
    })
    .await;
}

#[tokio::test]
async fn faces_may_not_ask() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let by = Some(By::UserId(ada.id.clone()));
        let lookup = house.directory(Role::Gateway).lookup(internal::LookupRequest { by }).await;
        assert_eq!(refusal(lookup).0, Code::Forbidden);
        let contact = internal::GetContactRequest { user_id: ada.id.clone() };
        assert_eq!(refusal(house.directory(Role::Gateway).get_contact(contact).await).0, Code::Forbidden);
        let keys = internal::DataKeysRequest { user_ids: vec![ada.id], ..Default::default() };
        assert_eq!(refusal(house.directory(Role::Gateway).data_keys(keys).await).0, Code::Forbidden);
    })
    .await;
}
