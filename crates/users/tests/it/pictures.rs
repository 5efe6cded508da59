//! Pictures and push tokens.

use denizen_kit::problem::Code;
use denizen_rpc::users::v1 as wire;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::json;

use crate::support::{House, account, anonymous, done, everywhere, nobody, operator, refusal};

fn picture(red: u8) -> Vec<u8> {
    let mut content = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(600, 300, Rgb([red, 0, 0])).write_to(&mut content, ImageFormat::Png).unwrap();
    content.into_inner()
}

fn put(id: &str, content: Vec<u8>) -> wire::PutAvatarRequest {
    wire::PutAvatarRequest { user_id: id.to_owned(), content, if_version: None }
}

fn get(id: &str) -> wire::GetAvatarRequest {
    wire::GetAvatarRequest { user_id: id.to_owned(), held: Vec::new() }
}

fn delete(id: &str) -> wire::DeleteAvatarRequest {
    wire::DeleteAvatarRequest { user_id: id.to_owned(), if_version: None }
}

fn put_token(id: &str, device: &str, token: &str) -> wire::PutPushTokenRequest {
    wire::PutPushTokenRequest { user_id: id.to_owned(), device: device.to_owned(), token: token.to_owned() }
}

fn delete_token(id: &str, device: &str) -> wire::DeletePushTokenRequest {
    wire::DeletePushTokenRequest { user_id: id.to_owned(), device: device.to_owned() }
}

async fn objects(house: &House) -> Vec<String> {
    house
        .app
        .objects
        .list("avatars", None, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|object| object.name)
        .collect()
}

#[tokio::test]
async fn a_picture_is_put_shown_replaced_and_taken_away() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        assert_eq!(refusal(house.profiles(&me).get_avatar(get(&ada.id)).await).0, Code::NotFound);
        let after = done(house.profiles(&me).put_avatar(put(&ada.id, picture(200))).await);
        assert_eq!(after.version, ada.version + 1);
        let shown = done(house.profiles(&me).get_avatar(get(&ada.id)).await);
        assert_eq!(after.avatar_url.unwrap(), format!("/api/v1/users/{}/avatar?v={}", ada.id, shown.version));
        assert_eq!(shown.media_type, "image/jpeg");
        let seen = image::load_from_memory(&shown.content).unwrap();
        assert_eq!((seen.width(), seen.height()), (512, 256));
        let held = wire::GetAvatarRequest { held: vec![1, shown.version], ..get(&ada.id) };
        let again = done(house.profiles(&me).get_avatar(held).await);
        assert_eq!((again.version, again.content.len()), (shown.version, 0));

        // The object says nothing to who reads the store, and goes with its successor.
        let first = objects(house).await;
        assert_eq!(first.len(), 1);
        let stored = house.app.objects.get(&first[0]).await.unwrap().unwrap();
        assert!(image::guess_format(&stored).is_err());
        done(house.profiles(&me).put_avatar(put(&ada.id, picture(20))).await);
        let second = objects(house).await;
        assert!(second.len() == 1 && second != first);
        assert_ne!(done(house.profiles(&me).get_avatar(get(&ada.id)).await).version, shown.version);

        for _ in 0..2 {
            assert_eq!(done(house.profiles(&me).delete_avatar(delete(&ada.id)).await).avatar_url, None);
        }
        assert!(objects(house).await.is_empty());
        assert_eq!(refusal(house.profiles(&me).get_avatar(get(&ada.id)).await).0, Code::NotFound);
        let changes = house.events_of("user.updated").await;
        assert_eq!(changes, vec![json!({ "fields": ["avatar"] }); 3], "the second delete changed nothing");
    })
    .await;
}

#[tokio::test]
async fn who_may_do_what_with_a_picture() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let eve = house.owner(&house.register("eve").await);
        let support = house.owner(&house.with_roles("helper", &["support"]).await);
        done(house.profiles(&house.owner(&ada)).put_avatar(put(&ada.id, picture(9))).await);
        for id in [ada.id.as_str(), &nobody()] {
            assert_eq!(
                refusal(house.profiles(&anonymous()).get_avatar(get(id)).await).0,
                Code::Unauthenticated
            );
            assert_eq!(
                refusal(house.profiles(&anonymous()).put_avatar(put(id, vec![])).await).0,
                Code::Unauthenticated
            );
            assert_eq!(refusal(house.profiles(&eve).get_avatar(get(id)).await).0, Code::Forbidden);
            assert_eq!(refusal(house.profiles(&eve).delete_avatar(delete(id)).await).0, Code::Forbidden);
            assert_eq!(refusal(house.profiles(&eve).put_avatar(put(id, vec![])).await).0, Code::Forbidden);
            assert_eq!(
                refusal(house.profiles(&support).put_avatar(put(id, vec![])).await).0,
                Code::Forbidden
            );
        }
        done(house.profiles(&support).get_avatar(get(&ada.id)).await);
        assert_eq!(house.events_of("user.viewed").await, [json!({ "count": 1 })]);
        assert_eq!(refusal(house.profiles(&support).get_avatar(get(&nobody())).await).0, Code::NotFound);
        done(house.profiles(&operator()).delete_avatar(delete(&ada.id)).await);
        assert_eq!(house.events_of("access.refused").await.len(), 8);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_taken_changes_nothing() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let mut broken = picture(9);
        broken.truncate(60);
        for (content, code) in [
            (b"GIF but not quite".to_vec(), Code::UnsupportedMediaType),
            (broken, Code::ValidationFailed),
            (vec![0; (5 << 20) + 1], Code::PayloadTooLarge),
        ] {
            assert_eq!(refusal(house.profiles(&me).put_avatar(put(&ada.id, content)).await).0, code);
        }
        let stale = wire::PutAvatarRequest { if_version: Some(7), ..put(&ada.id, picture(9)) };
        assert_eq!(refusal(house.profiles(&me).put_avatar(stale).await).0, Code::StaleVersion);
        assert!(objects(house).await.is_empty());
        assert_eq!(house.get(&ada.id).await.version, ada.version);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_put_takes_effect_once() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let first = done(house.profiles_once(&me, "k", "1").put_avatar(put(&ada.id, picture(9))).await);
        let again = done(house.profiles_once(&me, "k", "1").put_avatar(put(&ada.id, picture(9))).await);
        assert_eq!(first, again);
        assert_eq!(objects(house).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn pictures_put_at_once_leave_one() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let me = house.owner(&ada);
        let puts = (0..4u8).map(|red| {
            let (mut client, request) = (house.profiles(&me), put(&ada.id, picture(red)));
            async move { client.put_avatar(request).await }
        });
        for answer in futures::future::join_all(puts).await {
            done(answer);
        }
        assert_eq!(objects(house).await.len(), 1);
        assert!(!done(house.profiles(&me).get_avatar(get(&ada.id)).await).content.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_picture_moved_to_another_person_does_not_open() {
    everywhere(async |house: &House| {
        let (ada, eve) = (house.register("ada").await, house.register("eve").await);
        done(house.profiles(&house.owner(&ada)).put_avatar(put(&ada.id, picture(9))).await);
        done(house.profiles(&house.owner(&eve)).put_avatar(put(&eve.id, picture(8))).await);
        let names = objects(house).await;
        let (first, second) = (names[0].clone(), names[1].clone());
        let stolen = house.app.objects.get(&first).await.unwrap().unwrap();
        house.app.objects.put(&second, stolen).await.unwrap();
        let victim = if second.contains(&eve.id) { eve } else { ada };
        let answer = house.profiles(&house.owner(&victim)).get_avatar(get(&victim.id)).await;
        assert_eq!(refusal(answer).0, Code::Internal);
    })
    .await;
}

#[tokio::test]
async fn push_tokens_of_oneself() {
    everywhere(async |house: &House| {
        let request = wire::RegisterRequest { push_token: Some("t0".into()), ..account("ada") };
        let ada = done(house.users(&anonymous()).register(request).await);
        let me = house.owner(&ada);
        let token = |user: &wire::User, device: &str| user.push_tokens.get(device).cloned();
        let after = done(house.profiles(&me).put_push_token(put_token(&ada.id, "phone", "t1")).await);
        assert_eq!(
            (token(&after, "default"), token(&after, "phone")),
            (Some("t0".into()), Some("t1".into()))
        );
        let same = done(house.profiles(&me).put_push_token(put_token(&ada.id, "phone", "t1")).await);
        assert_eq!(same.version, after.version, "the same again changes nothing");
        for _ in 0..2 {
            let left = done(house.profiles(&me).delete_push_token(delete_token(&ada.id, "default")).await);
            assert_eq!((token(&left, "default"), left.push_tokens.len()), (None, 1));
        }
        assert!(house.get(&ada.id).await.push_tokens.is_empty(), "others do not see them");

        let admin = house.owner(&house.with_roles("chief", &["admin"]).await);
        assert_eq!(
            refusal(house.profiles(&admin).put_push_token(put_token(&ada.id, "x", "t")).await).0,
            Code::Forbidden
        );
        assert_eq!(
            refusal(house.profiles(&admin).delete_push_token(delete_token(&ada.id, "x")).await).0,
            Code::Forbidden
        );
        for (device, text, pointer) in
            [("a b", "t", "/device"), ("", "t", "/device"), ("x", "", "/token"), ("x", "a\nb", "/token")]
        {
            let answer = house.profiles(&me).put_push_token(put_token(&ada.id, device, text)).await;
            assert_eq!(refusal(answer), (Code::ValidationFailed, pointer.to_owned()));
        }
        for number in 1..20 {
            done(house.profiles(&me).put_push_token(put_token(&ada.id, &format!("d{number}"), "t")).await);
        }
        let answer = house.profiles(&me).put_push_token(put_token(&ada.id, "d20", "t")).await;
        assert_eq!(refusal(answer), (Code::ValidationFailed, "/device".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn pictures_that_nobody_names_are_swept() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        done(house.profiles(&house.owner(&ada)).put_avatar(put(&ada.id, picture(9))).await);
        let named = objects(house).await;
        let strays = [format!("avatars/{}/{}", ada.id, nobody()), format!("avatars/{0}/{0}", nobody())];
        for stray in &strays {
            house.app.objects.put(stray, vec![1]).await.unwrap();
        }
        denizen_users::start_jobs(&house.app, &house.tasks);
        let swept = async {
            while objects(house).await != named {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), swept).await.unwrap();
    })
    .await;
}
