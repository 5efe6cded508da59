//! What runs beside the calls.

use std::time::Duration;

use denizen_db::args;
use denizen_kit::id::UserId;
use denizen_rpc::events::internal::v1::Event;

use crate::support::{House, everywhere};

#[tokio::test]
async fn logins_are_noted_once_and_never_backwards() {
    everywhere(async |house: &House| {
        let ada = house.register("ada").await;
        let at = |seq: i64, kind: &str, second: i64| Event {
            seq,
            r#type: kind.to_owned(),
            subject: ada.id.clone(),
            at: second * 1_000_000,
            ..Default::default()
        };
        denizen_users::start_jobs(&house.app, &house.tasks);
        let mut taken = house.world.taken.subscribe();
        house.world.log.send_replace(vec![
            at(1, "session.started", 1_800_000_100),
            at(2, "session.started", 1_800_000_050),
            at(3, "auth.login_failed", 1_800_000_900),
        ]);
        let all = taken.wait_for(|seq| *seq == 3);
        tokio::time::timeout(Duration::from_secs(10), all).await.unwrap().unwrap();
        let user = house.get(&ada.id).await;
        assert_eq!(user.last_login_at.unwrap().seconds, 1_800_000_100);
        assert_eq!(user.version, 1, "a login is no change of the account");
    })
    .await;
}

#[tokio::test]
async fn keys_that_no_account_came_to_are_swept() {
    const INSERT: &str = "INSERT INTO data_keys (user_id, wrapped, created_at) VALUES ($1, $2, $3)";
    const COUNT: &str = "SELECT COUNT(*) FROM data_keys WHERE user_id = $1";
    everywhere(async |house: &House| {
        let ada: UserId = house.register("ada").await.id.parse().unwrap();
        let orphan = UserId::from_uuid(uuid::Uuid::max());
        let mut tx = house.keys_db.write().await.unwrap();
        tx.exec(INSERT, args![orphan, vec![1_u8, 2, 3], house.clock.now()]).await.unwrap();
        tx.commit().await.unwrap();
        house.clock.advance(Duration::from_secs(3601));
        denizen_users::start_jobs(&house.app, &house.tasks);
        let count = async |id: UserId| -> i64 {
            let row: (i64,) = house.keys_db.single().await.unwrap().one(COUNT, args![id]).await.unwrap();
            row.0
        };
        let gone = async {
            while count(orphan).await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the key without an account goes");
        assert_eq!(count(ada).await, 1);
    })
    .await;
}
