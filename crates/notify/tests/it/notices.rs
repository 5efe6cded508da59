//! What people are told of their account, and the codes of numbers and second factors.

use denizen_kit::caller::Role;
use denizen_kit::seal::sha256;
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::place;
use serde_json::json;

use crate::support::{Peers, event, send_due, take, worlds};

#[tokio::test]
async fn a_number_given_at_registration_gets_its_code() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        let data = json!({ "verify_email": true, "verify_mobile": true });
        take(&app, Role::Users, &[event(1, "user.created", &ada.to_string(), data)]).await;
        send_due(&app).await;
        let [sms] = world.mailbox(Role::Gateway, "+4930123456").await.unwrap().try_into().unwrap();
        assert_eq!((sms.channel.as_str(), sms.text.contains("424242")), ("sms", true));
        let issued = world.peers.issued.lock().unwrap().clone();
        let proof = issued.iter().find(|issue| issue.purpose() == Purpose::VerifyMobile).unwrap();
        assert_eq!(proof.target, sha256(b"mobile:+4930123456"));
    }
}

#[tokio::test]
async fn a_number_that_was_left_is_told_and_so_is_the_owner() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        world.peers.change(ada, |contact| contact.mobile.clear());
        let sealed = Peers::key(ada).seal_text(&place(ada, "users/mobile"), "+4930123456");
        let sealed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sealed);
        let data = json!({ "old_mobile_sealed": sealed, "removed": true });
        take(&app, Role::Users, &[event(1, "user.mobile_changed", &ada.to_string(), data)]).await;
        send_due(&app).await;
        assert_eq!(world.mailbox(Role::Gateway, "+4930123456").await.unwrap().len(), 1);
        assert_eq!(world.mailbox(Role::Gateway, "ada@example.test").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_code_of_a_second_factor_goes_out_in_its_time_only() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        let now = world.clock.now().as_second();
        let due = |seq, until: i64| {
            let otp_id = format!("0192aa00-0000-7000-8000-0000000000a{seq}");
            let data = json!({ "otp_id": otp_id, "channel": "sms", "until": until });
            event(seq, "second_factor.code_due", &ada, data)
        };
        take(&app, Role::Auth, &[due(1, now + 300), due(2, now)]).await;
        assert_eq!(send_due(&app).await, 2);
        let [sms] = world.mailbox(Role::Gateway, "").await.unwrap().try_into().unwrap();
        assert!(sms.text.contains("424242"), "{}", sms.text);
        let [issue] = world.peers.issued.lock().unwrap().clone().try_into().unwrap();
        assert_eq!((issue.purpose(), issue.user_id), (Purpose::SecondFactor, ada));
        assert_eq!(issue.issue_id, "0192aa00-0000-7000-8000-0000000000a1");
    }
}

#[tokio::test]
async fn what_happens_to_an_account_is_told_to_its_owner() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        let told = |seq, kind: &str, data| event(seq, kind, &ada, data);
        let of_users = [
            told(1, "user.blocked", json!({})),
            told(2, "user.suspended", json!({})),
            told(3, "user.activated", json!({ "from": "blocked" })),
            told(4, "user.activated", json!({ "from": "deleted" })),
            told(5, "privacy.exported", json!({})),
        ];
        let of_auth = [
            told(1, "session.new_device", json!({})),
            told(2, "second_factor.enabled", json!({})),
            told(3, "second_factor.removed", json!({})),
            told(4, "second_factor.recovery_code_used", json!({ "left": 9 })),
        ];
        take(&app, Role::Users, &of_users).await;
        take(&app, Role::Auth, &of_auth).await;
        take(&app, Role::Password, &[told(1, "password.closed", json!({}))]).await;
        assert_eq!(send_due(&app).await, 10);
        let mails = world.mailbox(Role::Gateway, "ada@example.test").await.unwrap();
        let mut subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        assert_eq!(subjects.len(), 10, "each says something else: {subjects:?}");
    }
}

#[tokio::test]
async fn a_new_device_is_told_with_time_address_and_name() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        let seal = |field, text| {
            let sealed = Peers::key(ada).seal_text(&place(ada, field), text);
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sealed)
        };
        let data = json!({
            "ip_sealed": seal("sessions/ip", "2001:db8::7"),
            "user_agent_sealed": seal("sessions/user_agent", "Browser/1.0 https://evil.test"),
        });
        let mut seen = event(1, "session.new_device", &ada.to_string(), data);
        seen.at = 1_772_366_400_000_000;
        take(&app, Role::Auth, &[seen]).await;
        send_due(&app).await;
        let [mail] = world.mailbox(Role::Gateway, "").await.unwrap().try_into().unwrap();
        for part in ["on 2026-03-01 12:00 UTC", "Device: Browser 1. 0 https", "Address: 2001:db8::7"] {
            assert!(mail.text.contains(part), "{part} in {}", mail.text);
        }
        assert!(!mail.text.contains("evil.test"), "{}", mail.text);
    }
}
