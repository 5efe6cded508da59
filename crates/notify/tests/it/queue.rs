//! The queue when something is down, away or in between.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::task::Tasks;
use denizen_notify::model::Channel;
use denizen_notify::ops::claim_due::claim_due;
use denizen_notify::ops::deliver::deliver;
use denizen_notify::ops::sweep::{MAILBOX_SIZE, sweep};
use denizen_notify::{Rule, degraded};
use serde_json::json;

use crate::sink::{Mood, Sink};
use crate::support::{event, job, send_due, take, told, worlds};

#[tokio::test]
async fn messages_outlast_services_that_are_down() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        take(&app, Role::Users, &[event(1, "user.created", &ada, json!({ "verify_email": true }))]).await;
        *world.peers.down.lock().unwrap() = true;
        for _ in 0..20 {
            assert_eq!(send_due(&app).await, 1, "it is tried after each pause and never given up");
            world.clock.advance(Duration::from_secs(6));
        }
        *world.peers.down.lock().unwrap() = false;
        send_due(&app).await;
        assert_eq!(world.mailbox(Role::Gateway, "").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn without_a_provider_messages_wait_and_then_go() {
    for world in worlds() {
        let poor = world.start(|config| config.mailbox = false).await;
        let ada = world.peers.ada("en").to_string();
        take(
            &poor,
            Role::Users,
            &[
                event(1, "user.created", &ada, json!({ "verify_email": true })),
                event(2, "user.mobile_change_requested", &ada, json!({})),
            ],
        )
        .await;
        assert_eq!(send_due(&poor).await, 2);
        assert_eq!(send_due(&poor).await, 0);
        assert!(degraded(&poor).unwrap().contains("notify.smtp.url"));
        assert!(world.peers.issued.lock().unwrap().is_empty(), "no code is made for what cannot be sent");

        let rich = world.start(|_| {}).await;
        assert_eq!(degraded(&rich), None);
        let tasks = Tasks::new();
        denizen_notify::start_jobs(&rich, &tasks);
        let both_there = async {
            while world.mailbox(Role::Gateway, "").await.unwrap().len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), both_there).await.unwrap();
        tasks.stop().await;
    }
}

#[tokio::test]
async fn a_lease_keeps_others_away_and_ends() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        take(&app, Role::Users, &[event(1, "user.created", &ada, json!({ "verify_email": true }))]).await;
        let [first] = claim_due(&app, &job(&app), Channel::Email, 8).await.unwrap().try_into().unwrap();
        assert!(claim_due(&app, &job(&app), Channel::Email, 8).await.unwrap().is_empty());

        world.clock.advance(Duration::from_secs(60));
        let [second] = claim_due(&app, &job(&app), Channel::Email, 8).await.unwrap().try_into().unwrap();
        assert_eq!((first.id, first.attempts, second.attempts), (second.id, 1, 2));
        deliver(&app, &second).await.unwrap();
        // The first comes back from the dead: it must neither send twice into the mailbox nor undo anything.
        deliver(&app, &first).await.unwrap();
        assert_eq!(world.mailbox(Role::Gateway, "").await.unwrap().len(), 1);
        assert_eq!(told(&app).await.len(), 1);
        assert_eq!(send_due(&app).await, 0);
    }
}

#[tokio::test]
async fn eight_senders_never_take_the_same_message() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        let events: Vec<_> = (1..=40).map(|seq| event(seq, "user.mobile_changed", &ada, json!({}))).collect();
        take(&app, Role::Users, &events).await;
        let claims = (0..8).map(|_| {
            let app = app.clone();
            tokio::spawn(async move { claim_due(&app, &job(&app), Channel::Email, 10).await.unwrap() })
        });
        let claims: Vec<_> = futures::future::join_all(claims).await;
        let mut ids: Vec<_> = claims.into_iter().flat_map(Result::unwrap).map(|message| message.id).collect();
        ids.extend(
            claim_due(&app, &job(&app), Channel::Email, 40)
                .await
                .unwrap()
                .into_iter()
                .map(|message| message.id),
        );
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), count), (40, 40));
    }
}

#[tokio::test]
async fn the_mailbox_keeps_its_size() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        let extra = 5;
        let events: Vec<_> = (1..=MAILBOX_SIZE + extra)
            .map(|seq| event(seq, "user.mobile_changed", &ada, json!({})))
            .collect();
        take(&app, Role::Users, &events).await;
        send_due(&app).await;
        let before = app.db.commits();
        assert!(!sweep(&app, &job(&app)).await.unwrap());
        assert!(app.db.engine() == "postgres" || app.db.commits() > before);
        let count: (i64,) =
            app.db.single().await.unwrap().one("SELECT COUNT(*) FROM mailbox", Vec::new()).await.unwrap();
        assert_eq!(count.0, MAILBOX_SIZE);

        world.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
        while sweep(&app, &job(&app)).await.unwrap() {}
        let left: (i64,) =
            app.db.single().await.unwrap().one("SELECT COUNT(*) FROM messages", Vec::new()).await.unwrap();
        assert_eq!(left.0, 0, "sent long ago");
    }
}

#[tokio::test]
async fn a_slow_channel_holds_up_no_other() {
    for world in worlds() {
        let (sink, url) = Sink::start(Mood::Silent).await;
        let change = |config: &mut denizen_notify::Config| {
            config.smtp_url = Some(url.parse().unwrap());
            config.concurrency = 2;
        };
        let app = world.start(change).await;
        let ada = world.peers.ada("en").to_string();
        // More mails than places, then a text message.
        let mut events: Vec<_> = (1..=5).map(|seq| event(seq, "user.deleted", &ada, json!({}))).collect();
        events.push(event(6, "user.mobile_change_requested", &ada, json!({})));
        take(&app, Role::Users, &events).await;
        let tasks = Tasks::new();
        denizen_notify::start_jobs(&app, &tasks);
        let caught = async {
            while world.mailbox(Role::Gateway, "+4930123456").await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(8), caught).await.expect("the text message goes");
        assert!(told(&app).await.iter().all(|(_, data)| data["channel"] == "sms"), "no mail has gone");
        drop(sink);
    }
}

#[tokio::test]
async fn a_server_that_is_down_uses_up_no_tries() {
    for world in worlds() {
        // Nobody listens there.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", silent.local_addr().unwrap());
        drop(silent);
        let change = |config: &mut denizen_notify::Config| {
            config.smtp_url = Some(url.parse().unwrap());
            config.breaker = Rule { failures: 3, pause: Duration::from_secs(30) };
        };
        let app = world.start(change).await;
        let ada = world.peers.ada("en").to_string();
        let events: Vec<_> = (1..=6).map(|seq| event(seq, "user.deleted", &ada, json!({}))).collect();
        take(&app, Role::Users, &events).await;
        send_due(&app).await;
        assert!(degraded(&app).unwrap().contains("mail server"), "three failures opened it");
        let issued = claimed_attempts(&app).await;
        assert_eq!(
            issued.iter().filter(|attempts| **attempts == 1).count(),
            3,
            "three tries count: {issued:?}"
        );
        assert_eq!(
            issued.iter().filter(|attempts| **attempts == 0).count(),
            3,
            "the others wait: {issued:?}"
        );
        // For an hour it stays away: far more rounds than a message has tries.
        for _ in 0..120 {
            world.clock.advance(Duration::from_secs(31));
            send_due(&app).await;
        }
        assert!(told(&app).await.is_empty(), "nothing died of it");
        assert!(claimed_attempts(&app).await.iter().all(|attempts| *attempts <= 1));

        let (sink, url) = Sink::start(Mood::Takes).await;
        let app = world.start(|config| config.smtp_url = Some(url.parse().unwrap())).await;
        world.clock.advance(Duration::from_secs(300));
        send_due(&app).await;
        assert_eq!(sink.mails.lock().unwrap().len(), 6, "all go when it is back");
    }
}

/// The tries that count of each message that has not gone, in no order.
async fn claimed_attempts(app: &denizen_notify::App) -> Vec<i64> {
    let sql = "SELECT attempts FROM messages WHERE sent_at IS NULL";
    let rows: Vec<(i64,)> = app.db.single().await.unwrap().all(sql, Vec::new()).await.unwrap();
    rows.into_iter().map(|(attempts,)| attempts).collect()
}
