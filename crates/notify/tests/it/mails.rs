//! Messages that leave by a mail server.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_notify::model::Channel;
use denizen_notify::ops::claim_due::claim_due;
use denizen_notify::ops::deliver::deliver;
use serde_json::json;

use crate::sink::{Mood, Sink};
use crate::support::{event, job, send_due, take, told, worlds};

#[tokio::test]
async fn a_mail_leaves_once_and_its_id_stays_when_it_leaves_again() {
    for world in worlds() {
        let (sink, url) = Sink::start(Mood::Takes).await;
        let app = world.start(|config| config.smtp_url = Some(url.parse().unwrap())).await;
        let ada = world.peers.ada("en");
        world.peers.change(ada, |contact| contact.name = "Ada\r\nBcc: eve@evil.test".into());
        take(
            &app,
            Role::Users,
            &[event(1, "user.created", &ada.to_string(), json!({ "verify_email": true }))],
        )
        .await;
        // Twice handed over, as after a crash between handing over and marking.
        let [first] = claim_due(&app, &job(&app), Channel::Email, 8).await.unwrap().try_into().unwrap();
        world.clock.advance(Duration::from_secs(60));
        let [second] = claim_due(&app, &job(&app), Channel::Email, 8).await.unwrap().try_into().unwrap();
        deliver(&app, &first).await.unwrap();
        deliver(&app, &second).await.unwrap();

        let mails = sink.mails.lock().unwrap().clone();
        assert_eq!(mails.len(), 2);
        let line = format!("Message-ID: <{}@id.example.test>\r\n", first.id);
        for (recipients, text) in mails {
            assert_eq!(recipients, ["RCPT TO:<Ada@example.test>"]);
            assert!(text.contains(&line) && !text.contains("\r\nBcc:"), "{text}");
        }
        assert_eq!(told(&app).await.len(), 1, "it counts once");
        assert!(world.mailbox(Role::Gateway, "").await.unwrap().is_empty(), "what is sent is not kept");
    }
}

#[tokio::test]
async fn put_off_four_times_it_is_dead() {
    for world in worlds() {
        let (sink, url) = Sink::start(Mood::Answers("451 later")).await;
        let app = world.start(|config| config.smtp_url = Some(url.parse().unwrap())).await;
        let ada = world.peers.ada("en").to_string();
        take(&app, Role::Users, &[event(1, "user.created", &ada, json!({ "verify_email": true }))]).await;
        assert_eq!(send_due(&app).await, 1);
        for wait in [5, 60, 600] {
            world.clock.advance(Duration::from_millis(wait * 1_000 - 1));
            assert_eq!(send_due(&app).await, 0, "not before {wait} s");
            world.clock.advance(Duration::from_millis(wait * 100 + 1));
            assert_eq!(send_due(&app).await, 1, "within a tenth after {wait} s");
        }
        world.clock.advance(Duration::from_secs(86_400));
        assert_eq!(send_due(&app).await, 0);
        let told = told(&app).await;
        let [(kind, data)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((kind.as_str(), &data["code"]), ("notification.dead", &json!("smtp_busy")));
        assert!(sink.mails.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn four_tries_of_one_mail_end_before_the_server_counts_as_down() {
    for world in worlds() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let app = world.start(|config| config.smtp_url = Some(url.parse().unwrap())).await;
        let ada = world.peers.ada("en").to_string();
        take(&app, Role::Users, &[event(1, "user.created", &ada, json!({ "verify_email": true }))]).await;
        for tries in 1..=4 {
            assert_eq!(send_due(&app).await, 1, "try {tries}");
            world.clock.advance(Duration::from_secs(700));
        }
        assert_eq!(told(&app).await[0].1["code"], "smtp_unreachable");
    }
}

#[tokio::test]
async fn refused_or_without_address_it_is_dead_at_once() {
    for world in worlds() {
        let (_sink, url) = Sink::start(Mood::Answers("550 unknown")).await;
        let app = world.start(|config| config.smtp_url = Some(url.parse().unwrap())).await;
        let ada = world.peers.ada("en");
        let subject = ada.to_string();
        take(&app, Role::Users, &[event(1, "user.mobile_changed", &subject, json!({}))]).await;
        send_due(&app).await;
        for (seq, email) in [(2, ""), (3, "\"x\r\nBcc: eve@evil.test\"@example.test"), (4, "nonsense")] {
            world.peers.change(ada, |contact| contact.email = email.into());
            take(&app, Role::Users, &[event(seq, "user.mobile_changed", &subject, json!({}))]).await;
            send_due(&app).await;
        }
        world.peers.contacts.lock().unwrap().clear();
        take(&app, Role::Users, &[event(5, "user.mobile_changed", &subject, json!({}))]).await;
        send_due(&app).await;
        let codes: Vec<_> =
            told(&app).await.into_iter().map(|(_, data)| data["code"].as_str().unwrap().to_owned()).collect();
        assert_eq!(codes, ["smtp_refused", "no_address", "bad_address", "bad_address", "no_address"]);
    }
}

#[tokio::test]
async fn a_server_that_is_silent_or_refuses_us_kills_no_mail() {
    for mood in [Mood::Silent, Mood::Greets("554 not you")] {
        for world in worlds() {
            let (sink, url) = Sink::start(mood).await;
            let change = |config: &mut denizen_notify::Config| {
                config.smtp_url = Some(url.parse().unwrap());
                config.smtp_timeout = Duration::from_millis(500);
            };
            let app = world.start(change).await;
            let ada = world.peers.ada("en").to_string();
            take(&app, Role::Users, &[event(1, "user.created", &ada, json!({ "verify_email": true }))]).await;
            send_due(&app).await;
            assert!(told(&app).await.is_empty());
            sink.set(Mood::Takes);
            world.clock.advance(Duration::from_secs(6));
            send_due(&app).await;
            assert_eq!(told(&app).await[0].0, "notification.delivered");
        }
    }
}
