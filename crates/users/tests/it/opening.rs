//! Opening accounts: by oneself, by an administrator.

use denizen_db::args;
use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_rpc::users::internal::v1::DataKeysRequest;
use denizen_rpc::users::v1 as wire;

use crate::support::{House, account, anonymous, done, everywhere, operator, refusal};

#[tokio::test]
async fn a_registration_makes_an_account_and_tells_without_personal_data() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest {
            mobile: Some("+49 151 12345678".into()),
            metadata: Some(r#"{"plan":"secret-plan"}"#.into()),
            push_token: Some("token-of-the-device".into()),
            preferences: Some(wire::PreferencesPatch { locale: Some("de".into()), ..Default::default() }),
            ..account("Ada")
        };
        let user = done(house.users(&anonymous()).register(wanted).await);
        assert_eq!((user.status(), user.email_verified, user.version), (wire::Status::Active, false, 1));
        assert_eq!(
            (user.roles.clone(), user.mobile.as_deref()),
            (vec!["user".into()], Some("+4915112345678"))
        );
        let me = done(house.users(&house.owner(&user)).get_user(get(&user)).await);
        assert_eq!(me.push_tokens.get("default").map(String::as_str), Some("token-of-the-device"));
        assert_eq!(me.metadata, r#"{"plan":"secret-plan"}"#);
        assert_eq!(me.preferences.unwrap().locale, "de");

        let created = house.events_of("user.created").await;
        let told = serde_json::json!({ "verify_email": true, "verify_mobile": true, "status": "active", "roles": ["user"] });
        assert_eq!(created, [told]);
        assert_eq!(house.world.asked(&[]), [("put".to_owned(), user.id.clone())]);
    })
    .await;
}

fn get(user: &wire::User) -> wire::GetUserRequest {
    wire::GetUserRequest { user_id: user.id.clone() }
}

/// Metadata, reason, push tokens and e-mail of a row, sealed.
type Sealed = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

#[tokio::test]
async fn what_is_sealed_cannot_be_read_in_the_row() {
    const ROW: &str = "SELECT metadata_sealed, status_reason_sealed, push_tokens_sealed, email_sealed FROM users \
        WHERE id = $1";
    everywhere(async |house: &House| {
        let plain = house.register("plain").await;
        let full = wire::CreateUserRequest {
            account: Some(wire::RegisterRequest {
                metadata: Some(r#"{"note":"has a cat"}"#.into()),
                push_token: Some("device-token".into()),
                ..account("full")
            }),
            status: wire::Status::Blocked.into(),
            status_reason: Some("sent spam".into()),
            ..Default::default()
        };
        let full = done(house.users(&operator()).create_user(full).await);
        assert_eq!(
            (full.metadata.as_str(), full.status_reason.as_deref()),
            (r#"{"note":"has a cat"}"#, Some("sent spam"))
        );

        let row = async |user: &wire::User| -> Sealed {
            let id: denizen_kit::id::UserId = user.id.parse().unwrap();
            house.app.db.single().await.unwrap().one(ROW, args![id]).await.unwrap()
        };
        let (metadata, reason, tokens, _) = row(&plain).await;
        assert_eq!((metadata, reason, tokens), (None, None, None), "nothing kept is nothing stored");
        let (metadata, reason, tokens, email) = row(&full).await;
        let sealed = [metadata.unwrap(), reason.unwrap(), tokens.unwrap(), email];
        for (sealed, plain) in sealed.iter().zip(["cat", "spam", "device", "example"]) {
            let found = sealed.windows(plain.len()).any(|window| window == plain.as_bytes());
            assert!(!sealed.is_empty() && !found, "{plain}");
        }
    })
    .await;
}

#[tokio::test]
async fn identifiers_are_unique_by_their_canonical_form() {
    everywhere(async |house: &House| {
        let first = wire::RegisterRequest { mobile: Some("+4915112345678".into()), ..account("ada") };
        done(house.users(&anonymous()).register(first).await);
        let again = |change: fn(&mut wire::RegisterRequest)| {
            let mut other = account("other");
            change(&mut other);
            other
        };
        let table = [
            (again(|it| it.email = "ADA@EXAMPLE.test".into()), Code::EmailTaken, "/email"),
            (again(|it| it.username = Some("ADA".into())), Code::UsernameTaken, "/username"),
            (again(|it| it.mobile = Some("0049 151 12345678".into())), Code::MobileTaken, "/mobile"),
        ];
        for (mut wanted, code, pointer) in table {
            if pointer == "/mobile" {
                wanted.mobile = Some("+49 (151) 12345678".into());
            }
            let refused = refusal(house.users(&anonymous()).register(wanted).await);
            assert_eq!(refused, (code, pointer.to_owned()));
        }
        assert_eq!(house.events_of("user.created").await.len(), 1);
        let keys: (i64,) = house
            .keys_db
            .single()
            .await
            .unwrap()
            .one("SELECT COUNT(*) FROM data_keys", args![])
            .await
            .unwrap();
        assert_eq!(keys.0, 1, "the keys of those who were refused are gone");
    })
    .await;
}

#[tokio::test]
async fn every_field_that_is_wrong_is_told_at_once() {
    everywhere(async |house: &House| {
        let wanted = wire::RegisterRequest {
            name: "a\nb".into(),
            email: "nobody".into(),
            username: Some("admin".into()),
            mobile: Some("12".into()),
            metadata: Some("[]".into()),
            ..Default::default()
        };
        let problem = crate::support::refused(house.users(&anonymous()).register(wanted).await);
        let pointers: Vec<_> = problem.fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/email", "/username", "/mobile", "/metadata", "/password"]);
        *house.world.is_picky.lock().unwrap() = true;
        let refused = refusal(house.users(&anonymous()).register(account("ada")).await);
        assert_eq!(refused.0, Code::WeakPassword);
        *house.world.is_picky.lock().unwrap() = false;
        house.register("ada").await;
    })
    .await;
}

#[tokio::test]
async fn the_same_request_under_one_key_is_one_account() {
    everywhere(async |house: &House| {
        let client = || house.users_once(&anonymous(), "key-1", "register ada");
        let first = done(client().register(account("ada")).await);
        let again = done(client().register(account("ada")).await);
        assert_eq!(first, again);
        assert_eq!(house.events_of("user.created").await.len(), 1);
        let asked = DataKeysRequest { user_ids: vec![first.id], ..Default::default() };
        let keys = done(house.directory(Role::Notify).data_keys(asked).await).keys;
        assert_eq!(keys.len(), 1, "the key of the account is there still");
    })
    .await;
}

#[tokio::test]
async fn an_administrator_gives_no_more_than_they_have() {
    everywhere(async |house: &House| {
        let admin = house.with_roles("root1", &["admin"]).await;
        let support = house.with_roles("helper", &["support"]).await;
        assert_eq!(support.roles, ["user", "support"]);
        let wanted = |name: &str, roles: &[&str]| wire::CreateUserRequest {
            account: Some(account(name)),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            email_verified: true,
            ..Default::default()
        };
        let made =
            done(house.users(&house.owner(&admin)).create_user(wanted("eve", &["support", "support"])).await);
        assert_eq!((made.roles, made.email_verified), (vec!["user".to_owned(), "support".into()], true));
        let refused = refusal(house.users(&house.owner(&support)).create_user(wanted("mallory", &[])).await);
        assert_eq!(refused.0, Code::Forbidden, "support lacks users:write");
        let writer = writer(house, &support);
        let refused = refusal(house.users(&writer).create_user(wanted("mallory", &["admin"])).await);
        assert_eq!(refused.0, Code::Forbidden, "nobody grants beyond their own permissions");
        assert_eq!(house.events_of("access.refused").await.len(), 2, "both refusals are on record");
        let unknown = refusal(house.users(&operator()).create_user(wanted("mallory", &["wizard"])).await);
        assert_eq!(unknown, (Code::ValidationFailed, "/roles".to_owned()));
        let refused = refusal(house.users(&anonymous()).create_user(wanted("mallory", &[])).await);
        assert_eq!(refused.0, Code::Unauthenticated);
    })
    .await;
}

/// Somebody with users:write and little else.
fn writer(house: &House, user: &wire::User) -> denizen_kit::caller::Caller {
    use denizen_kit::caller::{Permission, Permissions, Person};
    let mut caller = house.owner(user);
    let person = Person::clone(caller.person.as_deref().unwrap());
    let permissions = Permissions::of(&[Permission::UsersWrite]);
    caller.person = Some(std::sync::Arc::new(Person { permissions, ..person }));
    caller
}

#[tokio::test]
async fn a_status_that_a_new_account_cannot_have() {
    everywhere(async |house: &House| {
        let wanted = |status: wire::Status, reason: &str| wire::CreateUserRequest {
            account: Some(account("eve")),
            status: status.into(),
            status_reason: Some(reason.to_owned()),
            ..Default::default()
        };
        let deleted = refusal(house.users(&operator()).create_user(wanted(wire::Status::Deleted, "x")).await);
        assert_eq!(deleted, (Code::ValidationFailed, "/status".to_owned()));
        let long = wanted(wire::Status::Blocked, &"x".repeat(501));
        let long = refusal(house.users(&operator()).create_user(long).await);
        assert_eq!(long, (Code::ValidationFailed, "/status_reason".to_owned()));
        let pending = done(house.users(&operator()).create_user(wanted(wire::Status::Pending, " ")).await);
        assert_eq!((pending.status(), pending.status_reason), (wire::Status::Pending, None));
    })
    .await;
}
